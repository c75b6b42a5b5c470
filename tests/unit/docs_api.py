"""Writes docs/api.md from the OpenAPI document: ``python -m tests.unit.docs_api``."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from routstr.web import reference
from routstr.web.reference import Operation, Part
from tests.unit.docs_markdown import ROOT
from tests.unit.openapi import UNPROMISED, made

PAGE: Final = "api.md"
HEAD: Final = """\
# API reference

Every public route with what it takes and answers, from the node's own OpenAPI document.
`GET /openapi.json` of a node is the same for programs; its page `/docs` shows it with the node's
own address. Examples, and what happens to the money, are in the [HTTP API](http.md); failures are
[errors](errors.md).

This page is written by `tests/unit/docs_api.py`, and `tests/unit/test_api_versions.py` compares
the two.

"""
TITLES: Final[Mapping[str, str]] = {
    reference.PAID: "Models",
    "node": "The node",
    "balance": "Keys and balances",
    "lightning": "Lightning",
}


def render(document: Mapping[str, Any]) -> str:
    """The whole page."""
    paths = {path: one for path, one in document["paths"].items() if _is_public(path)}
    told = reference.read({**document, "paths": paths})
    lines = [*_headers(told.asked, told.told)]
    for group in told.groups:
        lines += [f"## {TITLES.get(group.tag, group.tag.capitalize())}", ""]
        for operation in group.operations:
            lines += _operation(operation)
    return HEAD + "\n".join(lines)


def _is_public(path: str) -> bool:
    return not path.startswith(UNPROMISED)


def _headers(asked: Sequence[Part], told: Sequence[Part]) -> Iterator[str]:
    yield from ("## Headers of paid requests", "", *_table("asked", asked))
    yield from ("## Headers of their answers", "", *_table("told", told))


def _operation(one: Operation) -> Iterator[str]:
    yield from (f"### `{one.method} {one.path}`", "", _plain(one.does), "")
    yield from _table("parameter", one.inputs)
    yield from _table("field of the body", one.fields)
    yield from _table("field of the answer", one.answer)


def _table(name: str, parts: Sequence[Part]) -> Iterator[str]:
    if not parts:
        return
    yield from (f"| {name} | type | |", "|---|---|---|")
    for one in parts:
        needed = " (required)" * (one.required and name != "field of the answer")
        yield f"| `{one.name}`{needed} | {_plain(one.kind)} | {_plain(one.does)} |"
    yield ""


def _plain(text: str) -> str:
    return re.sub(r"([|<*])", r"\\\1", " ".join(text.replace("``", "`").split()))


if __name__ == "__main__":
    (ROOT / "docs" / PAGE).write_text(render(made()), encoding="utf-8")
