from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from routstr.admin.logs.desk import LogDesk, seconds_of
from routstr.core.log_reading import LogQuery
from routstr.core.log_writer import iso_time
from routstr.errors import InvalidParameter, NotFound
from tests.unit.admin.keys.bureau import Bureau, open_bureau


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Bureau]:
    async with open_bureau(tmp_path, own=4) as at:
        yield at


def write(folder: Path, ms: int, *lines: dict[str, Any]) -> None:
    day = datetime.fromtimestamp(ms / 1_000, UTC).date()
    head = {"timestamp": iso_time(ms), "level": "info", "logger": "test"}
    text = b"".join(msgspec.json.encode({**head, **line}) + b"\n" for line in lines)
    (folder / f"app_{day}.log").write_bytes(text)


def access(**more: object) -> dict[str, Any]:
    return {"event": "api_request", "request_id": "r", "status": 200, "duration_ms": 1.5, **more}


async def test_the_whole_story_of_a_request_is_told(at: Bureau, tmp_path: Path) -> None:
    ms = at.world.world.clock.now_ms()
    write(tmp_path, ms, {"event": "tried", "request_id": "r"}, access(), {"event": "other"})
    desk = LogDesk(at.world.world.db, tmp_path)
    for near in (None, ms // 1_000):
        story = await desk.story("r", near)
        assert [line["event"] for line in story.lines] == ["tried", "api_request"]
        assert story.access == story.lines[-1]
        [hold] = story.holds
        assert (hold.model, hold.state, hold.charged) == ("m", "settled", 4_000)
        assert [one.kind for one in story.transfers if one.kind == "charge"] == ["charge"]
        assert story.next_before is None


async def test_the_books_tell_what_the_log_does_not_any_more(at: Bureau, tmp_path: Path) -> None:
    desk, seconds = LogDesk(at.world.world.db, tmp_path), at.world.world.clock.now_ms() // 1_000
    assert (await desk.story("r", seconds)).holds
    for name, near in (("r", None), ("r", seconds + 10_000), ("nobody's", seconds)):
        with pytest.raises(NotFound):
            await desk.story(name, near)


async def test_a_search_is_told_with_what_was_asked(at: Bureau, tmp_path: Path) -> None:
    ms = at.world.world.clock.now_ms()
    write(tmp_path, ms, {"event": "one"}, {"event": "two"}, {"event": "bad", "level": "error"})
    desk = LogDesk(at.world.world.db, tmp_path)
    [day] = (await desk.dates()).dates
    first = await desk.page(LogQuery(), day, limit=2)
    assert ([one["event"] for one in first.logs], first.date) == (["bad", "two"], day)
    assert first.next_before is not None
    rest = await desk.page(LogQuery(), day, first.next_before)
    assert ([one["event"] for one in rest.logs], rest.next_before) == (["one"], None)
    assert seconds_of(rest.logs[0]) == ms // 1_000
    assert seconds_of({}) == 0
    for wrong in ((LogQuery(level="loud"), "", ""), (LogQuery(), "x", ""), (LogQuery(), "", "x")):
        with pytest.raises(InvalidParameter):
            await desk.page(*wrong)
