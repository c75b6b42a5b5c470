"""Values as PostgreSQL reads and writes them. Needs no driver: nodes on SQLite load none."""

from collections.abc import Iterable, Sequence
from typing import Final

Row = Sequence[bytes | None]
"""The columns of one row, as PostgreSQL writes them."""
_BINARY: Final = r"\\x"


def whole(number: int) -> bytes:
    """A whole number as PostgreSQL reads it."""
    return b"%d" % number


def numbers(values: Iterable[int | None]) -> bytes:
    """An array of whole numbers."""
    written = ["NULL" if value is None else int.__repr__(value) for value in values]
    return f"{{{','.join(written)}}}".encode()


def truths(values: Iterable[bool]) -> bytes:
    """An array of booleans."""
    return f"{{{','.join(['t' if value else 'f' for value in values])}}}".encode()


def texts(values: Iterable[str]) -> bytes:
    """An array of texts."""
    written = [value.replace("\\", "\\\\").replace('"', '\\"') for value in values]
    return "{{{}}}".format(",".join([f'"{value}"' for value in written])).encode()


def binaries(values: Iterable[bytes]) -> bytes:
    """An array of byte strings."""
    return f"{{{','.join([_BINARY + value.hex() for value in values])}}}".encode()
