"""What a name in a document points to, and whether it is there."""

import inspect
import re
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

import typer
from sqlmodel import SQLModel

import routstr.main  # noqa: F401 - declares every table
from routstr.cli.tree import cli
from routstr.core.settings import Settings
from tests.unit.docs_markdown import ROOT
from tests.unit.docs_node import Surface

_ROUTE: Final = re.compile(r"(GET|POST|PUT|PATCH|DELETE) (/\S*)")
_SETTING: Final = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")
_OBJECT: Final = re.compile(r"([a-z_]\w*(?:\.\w+)*):(\w+(?:\.\w+)*)")
_COLUMN: Final = re.compile(r"([a-z_]+)\.([a-z_]+)")
_PATH: Final = re.compile(r"[\w./-]+")


def problem_with(reference: str, surface: Surface) -> str | None:
    """Why a reference leads nowhere; None when it leads somewhere."""
    if match := _ROUTE.fullmatch(reference):
        return None if reference in surface.routes else f"no route {match[0]}"
    if reference.startswith("make "):
        return _target(reference.removeprefix("make "))
    if reference.startswith("routstr "):
        return _command(reference.removeprefix("routstr "))
    if (match := _OBJECT.fullmatch(reference)) is not None:
        return _object(match[1], match[2])
    if (match := _COLUMN.fullmatch(reference)) and match[1] in SQLModel.metadata.tables:
        table = SQLModel.metadata.tables[match[1]]
        return None if match[2] in table.columns else f"no column {reference}"
    if _SETTING.fullmatch(reference):
        return None if reference.lower() in Settings.model_fields else f"no setting {reference}"
    if _PATH.fullmatch(reference):
        return _path(reference)
    return f"{reference} is no kind of reference"


def _path(reference: str) -> str | None:
    path = ROOT / reference
    if not path.exists() or (reference.endswith("/") and not path.is_dir()):
        return f"no path {reference}"
    return None


def _target(name: str) -> str | None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    found = re.search(rf"^{re.escape(name)}:", makefile, re.MULTILINE)
    return None if found else f"no make target {name}"


def _command(name: str) -> str | None:
    names = _commands(cli)
    for group in cli.registered_groups:
        inner = _commands(group.typer_instance) if group.typer_instance else set()
        names |= {str(group.name), *(f"{group.name} {command}" for command in inner)}
    return None if name in names else f"no command routstr {name}"


def _commands(app: typer.Typer) -> set[str]:
    return {command.name or _callback_name(command.callback) for command in app.registered_commands}


def _callback_name(callback: Callable[..., Any] | None) -> str:
    return "" if callback is None else callback.__name__.replace("_", "-")


def _object(module: str, path: str) -> str | None:
    try:
        found: Any = import_module(module)
    except ImportError as error:
        return f"{module} cannot be imported: {error}"
    for name in path.split("."):
        if hasattr(found, name):
            found = getattr(found, name)
        elif inspect.isclass(found) and _declares(found, name):
            found = None  # a field: it has no value on the class
        else:
            return f"no {name} in {module}:{path}"
    return None


def _declares(cls: type, name: str) -> bool:
    return any(name in vars(base).get("__annotations__", {}) for base in cls.__mro__)
