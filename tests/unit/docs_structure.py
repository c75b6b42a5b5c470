"""Writes docs/code-structure.md: ``python -m tests.unit.docs_structure``."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.unit.docs_markdown import ROOT

PAGE: Final = "code-structure.md"
_ROLE: Final = re.compile(r":\w+:(?=`)")
_DOCSTRING: Final = re.compile(r'(?:#[^\n]*\n)*"""(.*?)"""', re.DOTALL)
HEAD: Final = """\
# Code structure

Every package of the node, in its own words. Modules are named after what they do and begin with
saying so. To change something, begin with the table of the [architecture](map.md);
how the packages stand upon each other is drawn there, too.

This page is written from the packages by `tests/unit/docs_structure.py`, and
`tests/unit/test_docs_structure.py` compares the two.

## The project

| folder | what |
|---|---|
| `routstr/` | the node: what is installed |
| `tests/` | [how it is tested](testing.md); `tests/unit/` mirrors `routstr/`, file by file |
| `devkit/` | mints, models, providers, databases and nodes for tests and the demo |
| `demo/` | `make demo` |
| `bench/` | [benchmarks](benchmarks.md) |
| `scripts/` | the set-up, the checks, the locks |
| `deploy/` | systemd, Caddy, nginx, Tor, Prometheus, Grafana |
| `examples/` | a package that extends a node; a client that knows only a relay |
| `docs/` | these pages |
| `requirements/` | locked dependencies with their hashes |

## At the top

"""


def render() -> str:
    """The whole page."""
    return HEAD + "\n".join(_lines())


def _lines() -> Iterator[str]:
    package = ROOT / "routstr"
    yield "| module | is |"
    yield "|---|---|"
    for path in sorted(package.glob("*.py")):
        if path.stem != "__init__":
            yield f"| `routstr/{path.name}` | {words(path)} |"
    yield ""
    for top in sorted(path.parent for path in package.glob("*/__init__.py")):
        yield from (f"## `routstr/{top.name}/`", "", words(top / "__init__.py"), "")
        inner = [path for path in sorted(top.rglob("*/__init__.py")) if words(path)]
        if inner:
            yield from ("| package | is |", "|---|---|")
        for path in inner:
            yield f"| `{path.parent.relative_to(ROOT).as_posix()}/` | {words(path)} |"
        yield from [""] * bool(inner)


def words(path: Path) -> str:
    """A module's docstring in one line, safe in a table; empty without one."""
    found = _DOCSTRING.match(path.read_text(encoding="utf-8"))
    told = _ROLE.sub("", " ".join(found[1].split())) if found else ""
    return re.sub(r"([|<*])", r"\\\1", told.replace("``", "`"))


if __name__ == "__main__":
    (ROOT / "docs" / PAGE).write_text(render(), encoding="utf-8")
