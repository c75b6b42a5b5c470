"""JSON objects read one level deep: what is not looked at stays the bytes that came.

Most of an answer is text that the node only passes on. Its fields are found without decoding their
values, and written back as they were.
"""

import json
from typing import Final

import msgspec

Fields = dict[str, msgspec.Raw]

_fields: Final = msgspec.json.Decoder(Fields).decode
_plain: Final = msgspec.json.Decoder().decode
_NOT_JSON: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError)

encode: Final = msgspec.json.Encoder().encode


def read_fields(data: bytes) -> Fields | None:
    """The fields of a JSON object; None when it is none.

    ``NaN`` and ``Infinity``, which are no JSON but which some providers write, become ``null``.
    """
    try:
        return _fields(data)
    except _NOT_JSON:
        pass
    try:
        plain = json.loads(data)
        if isinstance(plain, dict):
            return {name: msgspec.Raw(encode(value)) for name, value in plain.items()}
    except _NOT_JSON:
        pass
    return None


def value(fields: Fields, name: str) -> object:
    """One field as plain data; None when it is missing, ``null`` or no JSON after all."""
    raw = fields.get(name)
    if raw is None:
        return None
    try:
        return _plain(raw)
    except _NOT_JSON:
        return None


def text(fields: Fields, name: str) -> str | None:
    """One field if it is a text."""
    found = value(fields, name)
    return found if isinstance(found, str) else None
