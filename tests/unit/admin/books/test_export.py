import csv
import io
from collections.abc import Sequence

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from routstr.admin.books.export import as_csv, as_json


class Row(BaseModel):
    id: int
    text: str | None


async def pages(before: int | None) -> tuple[Sequence[Row], int | None]:
    if before is None:
        return [Row(id=3, text="=1+1"), Row(id=2, text=None)], 2
    return [Row(id=-1, text='quo"te, line\nbreak')], None


async def test_every_page_is_in_the_file() -> None:
    made = b"".join([one async for one in as_csv(pages, ("id", "text"))]).decode()
    rows = list(csv.reader(io.StringIO(made, newline="")))
    assert rows == [["id", "text"], ["3", "'=1+1"], ["2", ""], ["-1", 'quo"te, line\nbreak']]
    told = msgspec.json.decode(b"".join([one async for one in as_json(pages, ("id", "text"))]))
    assert told[0] == {"id": 3, "text": "=1+1"}
    assert len(told) == 3


async def test_no_rows_are_a_file_too() -> None:
    async def nothing(_: int | None) -> tuple[Sequence[Row], int | None]:
        return [], None

    assert b"".join([one async for one in as_csv(nothing, ("id",))]) == b"id\r\n"
    assert msgspec.json.decode(b"".join([one async for one in as_json(nothing, ("id",))])) == []


@given(text=st.text(alphabet="=+-@\t\rab", max_size=6))
async def test_no_text_begins_like_a_formula(text: str) -> None:
    async def one(_: int | None) -> tuple[Sequence[Row], int | None]:
        return [Row(id=1, text=text)], None

    made = b"".join([part async for part in as_csv(one, ("text",))]).decode()
    cell = next(iter(list(csv.reader(io.StringIO(made, newline="")))[1:]), [""])
    assert not (cell and cell[0].startswith(("=", "+", "-", "@", "\t", "\r")))
