import io
import json
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routstr.core.log_files import DailyFile
from routstr.core.log_writer import Console, LogLine, LogWriter, as_json, as_text, iso_time


@dataclass
class Entry:
    event: str
    made_by: list[str] = field(default_factory=list)

    def line(self) -> LogLine:
        self.made_by.append(threading.current_thread().name)
        return {"timestamp": "now", "level": "info", "event": self.event, "logger": "test"}


class Blocked(io.StringIO):
    """A terminal that takes nothing until it is released."""

    def __init__(self) -> None:
        super().__init__()
        self.release = threading.Event()
        self.entered = threading.Event()

    def write(self, text: str) -> int:
        self.entered.set()
        assert self.release.wait(10)
        return super().write(text)


class Broken(io.StringIO):
    def write(self, _text: str) -> int:
        raise BrokenPipeError


def events(text: str) -> list[str]:
    return [json.loads(line)["event"] for line in text.splitlines()]


def read(folder: Path) -> str:
    return "".join(file.read_text() for file in sorted(folder.glob("*.log")))


def test_time_is_utc_with_milliseconds() -> None:
    assert iso_time(1_700_000_000_007) == "2023-11-14T22:13:20.007Z"
    assert iso_time(0) == "1970-01-01T00:00:00.000Z"


def test_lines_are_formatted_by_the_thread_in_order_and_all_written_at_the_end(
    tmp_path: Path,
) -> None:
    writer = LogWriter(DailyFile(tmp_path, 30), None)
    entries = [Entry(str(number)) for number in range(1_200)]
    for entry in entries[:600]:
        writer.put(entry)
    writer.start()
    for entry in entries[600:]:
        writer.put(entry)

    assert writer.close()
    assert events(read(tmp_path)) == [str(number) for number in range(1_200)]
    assert {name for entry in entries for name in entry.made_by} == {"routstr-log"}


def test_a_line_appears_without_being_asked_for(tmp_path: Path) -> None:
    stream = io.StringIO()
    writer = LogWriter(None, Console(stream, text=False))
    writer.start()
    writer.put(Entry("soon"), urgent=True)
    deadline = time.monotonic() + 5
    while not stream.getvalue() and time.monotonic() < deadline:
        time.sleep(0.005)

    assert events(stream.getvalue()) == ["soon"]
    assert writer.close()


def test_a_blocked_output_never_blocks_a_caller_and_its_losses_are_counted() -> None:
    stream = Blocked()
    writer = LogWriter(None, Console(stream, text=False), lines_max=10)
    writer.start()
    writer.put(Entry("first"), urgent=True)
    assert stream.entered.wait(5)
    for number in range(25):
        writer.put(Entry(str(number)))

    assert not writer.close(0.01), "the time was too short"
    stream.release.set()
    assert writer.close()
    assert events(stream.getvalue()) == [
        "first",
        *map(str, range(10)),
        "15 log lines were dropped: the output is blocked",
    ]


def test_a_broken_pipe_does_not_stop_the_file(tmp_path: Path) -> None:
    writer = LogWriter(DailyFile(tmp_path, 30), Console(Broken(), text=False))
    writer.start()
    writer.put(Entry("one"))
    assert writer.close()

    assert events(read(tmp_path)) == ["one"]


def test_a_file_that_fails_later_turns_the_lines_to_standard_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    (tmp_path / "file").touch()
    writer = LogWriter(DailyFile(tmp_path / "file", 30), None)
    writer.put(Entry("kept"))
    writer.start()
    assert writer.close()

    kept, complaint = events(stream.getvalue())
    assert kept == "kept"
    assert complaint.startswith("the log file cannot be written")


def test_a_terminal_without_unicode_still_gets_its_lines() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", write_through=True)
    Console(stream, text=True).write([Entry("naïve").line()])

    assert rb"na\xefve" in raw.getvalue()


# what UTF-8 cannot carry is escaped before it gets to the writer
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
FIELDS = st.dictionaries(
    st.sampled_from(["request_id", "a", "exception"]), TEXT | st.integers() | st.none()
)


@given(TEXT, FIELDS)
def test_nothing_in_a_value_can_break_or_forge_a_line(event: str, fields: LogLine) -> None:
    line: LogLine = {"timestamp": "t", "level": "info", "event": event, "logger": "l", **fields}
    encoded = as_json([line])

    assert encoded.count(b"\n") == 1
    assert encoded.endswith(b"\n")
    assert json.loads(encoded) == line
    first, *others = as_text(line).rstrip("\n").split("\n")
    assert first.startswith("t info")
    assert all(other.startswith("    ") for other in others)
    assert "\x1b" not in as_text(line)


def test_text_for_people() -> None:
    line: LogLine = {
        "timestamp": "2026-01-01T00:00:00.000Z",
        "level": "error",
        "event": "mint is down",
        "logger": "routstr.wallet",
        "request_id": "abc",
        "mint": "https://a.example",
        "note": "two words",
        "tries": 3,
        "exception": "Traceback:\n  line\n",
    }

    assert as_text(line) == (
        "2026-01-01T00:00:00.000Z error    mint is down [routstr.wallet] "
        'request_id=abc mint=https://a.example note="two words" tries=3\n'
        "    Traceback:\n"
        "      line\n"
    )
