"""What the page about the API shows of an OpenAPI document. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

PAID: Final = "models"
"""The tag of what is paid for by the request."""
_ORDER: Final = (PAID, "node", "balance", "lightning")
_BRIEF_MAX: Final = 90
_REF: Final = "#/components/schemas/"
Schema = Mapping[str, Any]


class Part(Struct, frozen=True):
    """A parameter, a header, or a field of a body. ``where`` is ``query``, ``header``, ..."""

    name: str
    kind: str
    does: str = ""
    required: bool = False
    where: str = ""


class Operation(Struct, frozen=True):
    """What can be asked at one address."""

    method: str
    path: str
    does: str
    inputs: Sequence[Part]
    fields: Sequence[Part]
    answer: Sequence[Part]


class Group(Struct, frozen=True):
    """Operations of one kind."""

    tag: str
    operations: Sequence[Operation]

    @property
    def briefs(self) -> list[str]:
        """In a few words what each does; nothing where others are told the same."""
        alike = Counter(one.does for one in self.operations)
        return [_brief(one.does) if alike[one.does] == 1 else "" for one in self.operations]


class Reference(Struct, frozen=True):
    """All of it. ``asked`` and ``told`` are the headers about money, which paid requests share."""

    groups: Sequence[Group]
    asked: Sequence[Part]
    told: Sequence[Part]


def read(document: Schema) -> Reference:
    """Read a document that is well-formed."""
    groups: dict[str, list[Operation]] = {}
    asked: dict[str, Part] = {}
    told: dict[str, Part] = {}
    schemas = document.get("components", {}).get("schemas", {})
    for path, methods in document["paths"].items():
        for method, one in methods.items():
            tag = (one.get("tags") or ["node"])[0]
            inputs = [_input(given) for given in one.get("parameters", ())]
            answered = one.get("responses", {}).get("200", {})
            if tag == PAID:
                asked |= {part.name: part for part in inputs if part.where == "header"}
                told |= {part.name: part for part in _headers(answered)}
                inputs = [part for part in inputs if part.where != "header"]
            groups.setdefault(tag, []).append(
                Operation(
                    method.upper(),
                    path,
                    str(one.get("description") or one.get("summary", "")),
                    inputs,
                    list(_fields(one.get("requestBody", {}), schemas)),
                    list(_fields(answered, schemas)),
                )
            )
    known = [tag for tag in _ORDER if tag in groups]
    tags = [*known, *(tag for tag in groups if tag not in known)]
    return Reference(
        [Group(tag, groups[tag]) for tag in tags], list(asked.values()), list(told.values())
    )


def _brief(does: str) -> str:
    words = does.split(". ", maxsplit=1)[0].split("\n", maxsplit=1)[0]
    return words if len(words) <= _BRIEF_MAX else words[:_BRIEF_MAX].rpartition(" ")[0] + "..."


def _input(given: Schema) -> Part:
    schema = given.get("schema", {})
    does = given.get("description") or schema.get("description", "")
    return Part(given["name"], _kind(schema), does, given.get("required", False), given["in"])


def _headers(answer: Schema) -> Iterator[Part]:
    for name, header in answer.get("headers", {}).items():
        yield Part(name, _kind(header.get("schema", {})), header.get("description", ""))


def _fields(message: Schema, schemas: Schema) -> Iterator[Part]:
    schema = message.get("content", {}).get("application/json", {}).get("schema", {})
    if schema.get("type") == "array":
        schema = schema.get("items", {})
    schema = schemas.get(schema.get("$ref", "").removeprefix(_REF), schema)
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        yield Part(name, _kind(field), field.get("description", ""), name in required)


def _kind(schema: Schema) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(_REF)
    if "anyOf" in schema:
        return " | ".join(_kind(one) for one in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(f'"{one}"' for one in schema["enum"])
    if "const" in schema:
        return f'"{schema["const"]}"'
    if schema.get("type") == "array":
        return f"[{_kind(schema.get('items', {}))}]"
    return str(schema.get("type", "any"))
