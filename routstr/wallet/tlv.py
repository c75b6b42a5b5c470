"""Rows of fields, each of a type (one byte), a length and a value. Pure."""

from collections.abc import Iterator


class InvalidTlv(ValueError):
    """The bytes are no row of fields, or a field cannot be written as one."""


def read_fields(data: bytes, *, length_bytes: int) -> Iterator[tuple[int, bytes]]:
    """Read type and value of each field; lengths are big-endian. Raises InvalidTlv."""
    place = 0
    while place < len(data):
        start = place + 1 + length_bytes
        end = start + int.from_bytes(data[place + 1 : start])
        if max(start, end) > len(data):
            raise InvalidTlv("a field is cut off")
        yield data[place], data[start:end]
        place = end


def write_field(kind: int, value: bytes, *, length_bytes: int) -> bytes:
    """Write one field. Raises InvalidTlv when the value is longer than its length can say."""
    try:
        return bytes([kind]) + len(value).to_bytes(length_bytes) + value
    except OverflowError:
        raise InvalidTlv("a field is too long") from None
