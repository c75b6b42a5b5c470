"""The books as a file: CSV or JSON, made a page at a time while it is sent.

A spreadsheet takes a text that begins with ``=``, ``+``, ``-`` or ``@`` for a formula; such texts
get an apostrophe in front. Numbers are numbers.
"""

import csv
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final, TypeVar

import msgspec
from pydantic import BaseModel

RowT = TypeVar("RowT", bound=BaseModel)
Turn = Callable[[int | None], Awaitable[tuple[Sequence[RowT], int | None]]]
"""The page below an id, and below which the next one is."""

EXPORT_PAGE: Final = 500
FORMATS: Final = {"csv": "text/csv; charset=utf-8", "json": "application/json"}
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


async def as_csv(turn: Turn[RowT], columns: Sequence[str]) -> AsyncIterator[bytes]:
    """Make a CSV file (RFC 4180) with a line of names."""
    yield _lines([columns])
    async for rows in _pages(turn):
        yield _lines([[_cell(getattr(row, name)) for name in columns] for row in rows])


async def as_json(turn: Turn[RowT], columns: Sequence[str]) -> AsyncIterator[bytes]:
    """Make a JSON list of objects."""
    first = True
    yield b"["
    async for rows in _pages(turn):
        for row in rows:
            told = {name: getattr(row, name) for name in columns}
            yield (b"\n" if first else b",\n") + msgspec.json.encode(told)
            first = False
    yield b"\n]\n"


async def _pages(turn: Turn[RowT]) -> AsyncIterator[Sequence[RowT]]:
    before: int | None = None
    while True:
        rows, before = await turn(before)
        yield rows
        if before is None:
            return


def _cell(value: object) -> object:
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return "" if value is None else value


def _lines(rows: Sequence[Sequence[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
