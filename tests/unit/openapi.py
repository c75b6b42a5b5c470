"""The API as clients know it: the OpenAPI document of a node, and what may become of it.

``python -m tests.unit.openapi > tests/unit/openapi.json`` writes it anew. What is in it is promised
(docs/versions.md): it may get more, and lose only what it has called deprecated.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from routstr.core.settings import Settings
from routstr.main import create_app

FILE: Final = Path(__file__).with_name("openapi.json")
UNPROMISED: Final = ("/admin/",)
"""Beginnings of paths that may change: what uses them comes with the node."""
_METHODS: Final = ("get", "post", "put", "patch", "delete", "head", "options")

_WORDS: Final = ("description", "examples", "operationId", "summary", "tags", "title")
_REFERENCE: Final = re.compile(r"#/components/schemas/(\w+)")

Document = Mapping[str, Any]
Types = dict[str, frozenset[str]]


def made() -> dict[str, Any]:
    """The document of a node with the usual settings."""
    return create_app(Settings()).api.openapi()


def document(whole: Document) -> dict[str, Any]:
    """What is promised of a node's document, without its words."""
    plain = _wordless(whole)
    paths = {path: one for path, one in plain["paths"].items() if not path.startswith(UNPROMISED)}
    schemas, used = plain["components"]["schemas"], set(_REFERENCE.findall(json.dumps(paths)))
    while more := set(_REFERENCE.findall(json.dumps([schemas[name] for name in used]))) - used:
        used |= more
    return {"paths": paths, "components": {"schemas": {name: schemas[name] for name in used}}}


def broken_promises(before: Document, now: Document) -> Iterator[str]:
    """What clients of ``before`` would miss or do wrong ``now``."""
    for path, item in before["paths"].items():
        for method in filter(_METHODS.__contains__, item):
            operation, name = item[method], f"{method.upper()} {path}"
            if operation.get("deprecated"):
                continue
            found = now["paths"].get(path, {}).get(method)
            if found is None:
                yield f"{name} is gone"
                continue
            problems = (
                *_of_parameters(operation, found),
                *_of_body(_Half(before, operation), _Half(now, found)),
                *_of_answers(_Half(before, operation), _Half(now, found)),
            )
            yield from (f"{name}: {problem}" for problem in problems)


def _wordless(part: Any) -> Any:
    if isinstance(part, list):
        return [_wordless(one) for one in part]
    if not isinstance(part, dict):
        return part
    return {
        name: _wordless(one)
        for name, one in part.items()
        if not (name in _WORDS and isinstance(one, str | list))
    }


class _Half:
    """An operation in the document that it belongs to."""

    def __init__(self, document: Document, operation: Document) -> None:
        self.document = document
        self.operation = operation

    def body(self) -> Document:
        content: Document = self.operation.get("requestBody", {}).get("content", {})
        return content

    def content(self, status: str) -> Document:
        content: Document = self.operation["responses"].get(status, {}).get("content", {})
        return content


def _of_parameters(before: Document, now: Document) -> Iterator[str]:
    found = {(one["in"], one["name"]): one for one in now.get("parameters", ())}
    known = {(one["in"], one["name"]): one for one in before.get("parameters", ())}
    for key, one in known.items():
        if key not in found:
            yield f"{key[0]} parameter {key[1]} is gone"
        elif not _taken(one["schema"]) <= _taken(found[key]["schema"]):
            yield f"{key[0]} parameter {key[1]} is of another type"
    for key, one in found.items():
        was = known.get(key, {}).get("required", False)
        if one.get("required") and not was:
            yield f"{key[0]} parameter {key[1]} is required now"


def _of_body(before: _Half, now: _Half) -> Iterator[str]:
    for kind, one in before.body().items():
        if kind not in now.body():
            yield f"a body of {kind} is not taken any more"
            continue
        known, needed = types(before.document, one["schema"])
        taken, needed_now = types(now.document, now.body()[kind]["schema"])
        for name, type_ in known.items():
            if not type_ <= taken.get(name, frozenset()):
                yield f"the body's {name} is gone or of another type"
        yield from (f"the body's {name} is required now" for name in sorted(needed_now - needed))


def _of_answers(before: _Half, now: _Half) -> Iterator[str]:
    for status in before.operation["responses"]:
        for kind, one in before.content(status).items():
            if kind not in now.content(status):
                yield f"{status} is not answered in {kind} any more"
                continue
            known, sure = types(before.document, one["schema"])
            told, sure_now = types(now.document, now.content(status)[kind]["schema"])
            for name, type_ in known.items():
                if not told.get(name, frozenset()) or not told[name] <= type_:
                    yield f"{status}'s {name} is gone or of another type"
            yield from (
                f"{status}'s {name} may be missing now"
                for name in sorted((sure - sure_now) & told.keys())
            )


def types(document: Document, schema: Document) -> tuple[Types, set[str]]:
    """The types of every field, by its path (``a.b``, ``a[]``), and which are always there."""
    found: Types = {}
    required: set[str] = set()
    _walk(document, schema, "", found, required)
    return found, required


def _walk(document: Document, schema: Document, at: str, found: Types, required: set[str]) -> None:
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    options = schema.get("anyOf") or schema.get("oneOf")
    if options:
        for one in options:
            _walk(document, one, at, found, required)
        return
    found[at] = found.get(at, frozenset()) | _taken(schema)
    for name, one in schema.get("properties", {}).items():
        inner = f"{at}.{name}".lstrip(".")
        if name in schema.get("required", ()):
            required.add(inner)
        _walk(document, one, inner, found, required)
    if "items" in schema:
        _walk(document, schema["items"], f"{at}[]", found, required)


def _taken(schema: Document) -> frozenset[str]:
    options = schema.get("anyOf", (schema,))
    return frozenset(str(one.get("type", one.get("$ref", "anything"))) for one in options)


if __name__ == "__main__":
    print(json.dumps(document(made()), indent=1, sort_keys=True))  # noqa: T201
