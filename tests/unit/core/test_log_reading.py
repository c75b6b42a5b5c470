from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routstr.core.log_reading import LogQuery, Position, around, days, search
from routstr.core.log_writer import iso_time

DAY = date(2026, 1, 2)
DAY_MS = 1_767_312_000_000


def line(number: int, **more: object) -> dict[str, Any]:
    return {
        "timestamp": iso_time(DAY_MS + number * 1_000), "level": "info", "event": f"e{number}",
        "logger": "test", **more,
    }  # fmt: skip


def write(folder: Path, *lines: dict[str, Any], day: date = DAY, end: bytes = b"") -> None:
    data = b"".join(msgspec.json.encode(one) + b"\n" for one in lines)
    (folder / f"app_{day}.log").write_bytes(data + end)


def events(folder: Path, query: LogQuery, **more: Any) -> list[str]:
    return [one["event"] for one in search(folder, query, **more).lines]


def test_the_newest_line_comes_first_and_a_page_goes_on_where_the_last_one_ended(
    tmp_path: Path,
) -> None:
    write(tmp_path, *(line(number) for number in range(3)), day=date(2026, 1, 1))
    write(tmp_path, *(line(number) for number in range(3, 6)), end=b'{"half')
    seen, start = [], None
    while True:
        page = search(tmp_path, LogQuery(), start=start, limit=2)
        seen += [one["event"] for one in page.lines]
        if page.older is None:
            break
        start = Position.read(str(page.older))
    assert seen == [f"e{number}" for number in reversed(range(6))]
    assert events(tmp_path, LogQuery(), only=DAY) == ["e5", "e4", "e3"]


def test_lines_are_found_by_what_they_say(tmp_path: Path) -> None:
    write(
        tmp_path,
        line(0, request_id="r1", note='Grüße "A"'),
        line(1, level="error", note="mentions r1"),
        line(2, event="api_request", status=402, method="POST", endpoint="/v1/x"),
    )
    for query, found in (
        (LogQuery(request_id="r1"), ["e0"]),
        (LogQuery(level="warning"), ["e1"]),
        (LogQuery(text='grüße "a"'), ["e0"]),
        (LogQuery(statuses=(402,), methods=("POST",), endpoints=("/v1/x",)), ["api_request"]),
        (LogQuery(statuses=(200,)), []),
        (LogQuery(text="nothing"), []),
    ):
        assert events(tmp_path, query) == found


def test_no_call_reads_more_than_it_may(tmp_path: Path) -> None:
    write(tmp_path, line(0, request_id="r"), *(line(n, fill="x" * 1_000) for n in range(1, 1_200)))
    first = search(tmp_path, LogQuery("r"), read_max=1 << 19)
    assert (first.lines, first.older is not None) == ([], True)
    assert first.older is not None
    assert first.older.offset is not None
    assert first.older.offset > 500_000
    assert events(tmp_path, LogQuery("r"), start=first.older) == ["e0"]


def test_a_day_that_was_not_begun_is_left_for_later(tmp_path: Path) -> None:
    write(tmp_path, line(0), day=date(2026, 1, 1))
    write(tmp_path, line(1))
    page = search(tmp_path, LogQuery("r"), read_max=10)
    assert page.older is not None
    assert page.older.day == date(2026, 1, 1)


@pytest.mark.parametrize("asked", [1, 700, 1_399, 3_000, -100_000])
def test_a_request_is_found_near_its_time(tmp_path: Path, asked: int) -> None:
    lines = [line(n, request_id=f"r{n}", fill="x" * 700) for n in range(1_400)]
    write(tmp_path, *lines)
    found = around(tmp_path, "r700", DAY_MS + asked * 1_000)
    assert len(found.lines) == (asked >= 0)


def test_a_line_longer_than_any_block_is_no_trap(tmp_path: Path) -> None:
    write(tmp_path, line(0), line(1, fill="y" * 600_000), line(2, fill="z" * 2_000_000), line(3))
    assert events(tmp_path, LogQuery()) == ["e3", "e1", "e0"]


def test_files_of_others_are_not_read(tmp_path: Path) -> None:
    write(tmp_path, line(0))
    (tmp_path / "app_2026-99-99.log").write_text("x")
    (tmp_path / "secrets.txt").write_text("x")
    assert days(tmp_path) == [DAY]
    assert days(tmp_path / "none") == []
    (tmp_path / "app_2026-01-01.log").symlink_to(tmp_path / "secrets.txt")
    assert events(tmp_path, LogQuery()) == ["e0"]


@given(st.text(max_size=40))
def test_no_text_is_a_place_by_accident(text: str) -> None:
    place = Position.read(text)
    assert place is None or place.offset is not None


def test_a_place_is_read_as_it_was_written() -> None:
    assert Position.read(str(Position(DAY, 7))) == Position(DAY, 7)
    assert Position.read("2026-13-01.7") is None
