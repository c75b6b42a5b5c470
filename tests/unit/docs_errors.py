"""The rows of docs/errors.md, and the errors of the code."""

import importlib
import pkgutil
import re

import routstr
from routstr.errors import RoutstrError
from tests.unit.docs_markdown import ROOT, read, rows


def error_rows() -> dict[str, tuple[str, ...]]:
    return {row.cells[0]: row.cells for row in rows(read("errors.md")) if len(row.cells) == 6}


def classes() -> set[type[RoutstrError]]:
    """Every error of the package, in whichever module."""
    for module in pkgutil.walk_packages(routstr.__path__, "routstr."):
        if "migrations" not in module.name and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    return descendants(RoutstrError) | {RoutstrError}


def descendants(cls: type[RoutstrError]) -> set[type[RoutstrError]]:
    direct = {one for one in cls.__subclasses__() if one.__module__.startswith("routstr.")}
    return direct.union(*map(descendants, direct))


def raised() -> set[str]:
    """The classes that some module outside of the tree raises, returns or makes."""
    use = re.compile(r"\b(?:raise|return|=)\s+([A-Z]\w+)\b(?!\.)|(?<!class )\b([A-Z]\w+)\(")
    modules = [path for path in (ROOT / "routstr").rglob("*.py") if path.parent.name != "errors"]
    found = [use.findall(path.read_text(encoding="utf-8")) for path in modules]
    return {name for uses in found for use_ in uses for name in use_}
