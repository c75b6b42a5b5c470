"""Writes the reference of the command line: ``python -m tests.unit.docs_cli > docs/cli.md``."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import typer.main

from routstr.cli.tree import cli
from tests.unit.docs_markdown import ROOT

PAGE: Final = "cli.md"
MARK: Final = "<!-- what follows is made by tests/unit/docs_cli.py -->"
WITHOUT_JSON: Final = frozenset({"serve", "demo", "wallet seed"})
"""The server, a show, and words that are for paper."""


class Command(NamedTuple):
    """A command of the tree and how it is called."""

    path: str
    told: Any

    @property
    def options(self) -> set[str]:
        return {one for parameter in self.told.params for one in parameter.opts}


def commands() -> Iterator[Command]:
    """Every command, groups left out."""
    return _walk(typer.main.get_command(cli), "")


def _walk(group: Any, path: str) -> Iterator[Command]:
    for name, one in group.commands.items():
        inner = f"{path} {name}".strip()
        if hasattr(one, "commands"):
            yield from _walk(one, inner)
        else:
            yield Command(inner, one)


def reference() -> str:
    """The generated part of the page."""
    return "\n".join(line for command in commands() for line in _section(command))


def whole() -> str:
    """The page: what people wrote, and the reference."""
    written = (ROOT / "docs" / PAGE).read_text(encoding="utf-8").partition(MARK)[0]
    return f"{written}{MARK}\n\n{reference()}"


def _section(command: Command) -> Iterator[str]:
    arguments = [one for one in command.told.params if one.param_type_name == "argument"]
    options = [one for one in command.told.params if one.param_type_name == "option"]
    shown = [_shown(one) for one in arguments]
    yield f"### `{' '.join(['routstr', command.path, *shown])}`"
    yield ""
    yield " ".join((command.told.help or "").split())
    yield ""
    for one in arguments:
        yield f"- `{_shown(one)}`: {one.help}"
    for one in options:
        yield f"- `{', '.join(one.opts)}`: {one.help}"
    yield ""


def _shown(argument: Any) -> str:
    name = argument.metavar or argument.name.upper()
    return name if argument.required else f"[{name}]"


def main() -> None:
    print(whole(), end="")  # noqa: T201 - its purpose


if __name__ == "__main__":
    main()
