from io import StringIO

import pytest

from routstr.core.log_colours import Painter
from routstr.core.log_writer import LogLine

LINE: LogLine = {
    "timestamp": "2026-01-31T12:00:00.123Z",
    "level": "info",
    "event": "api_request",
    "logger": "routstr.access",
    "status": 402,
    "model": "a [red]model[/red]",
}


class Screen(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Screen()


def bare(text: str) -> str:
    parts = text.split("\x1b[")
    return parts[0] + "".join(part.partition("m")[2] for part in parts[1:])


def test_a_line_is_in_colour_and_on_one_line(screen: Screen) -> None:
    shown = Painter(screen)(LINE)
    assert "\x1b[" in shown
    assert bare(shown) == (
        '12:00:00.123 info     api_request status=402 model="a [red]model[/red]" [routstr.access]\n'
    )
    assert screen.getvalue() == ""


def test_a_failure_looks_otherwise_than_a_refusal(screen: Screen) -> None:
    paint = Painter(screen)
    shown = {
        paint({**LINE, "status": status}).replace(str(status), "") for status in (200, 402, 502)
    }
    assert len(shown) == 3
    assert paint({**LINE, "error": "x"}) != paint({**LINE, "other": "x"}).replace("other", "error")


def test_nothing_that_was_logged_commands_the_terminal(screen: Screen) -> None:
    shown = Painter(screen)({**LINE, "event": "a\x1b[2Jb\nc", "model": "\x1b]0;title\x07"})
    assert "\x1b[2J" not in shown
    assert "\x1b]0" not in shown
    assert shown.count("\n") == 1


def test_a_traceback_takes_lines_of_its_own(screen: Screen) -> None:
    shown = bare(Painter(screen)({**LINE, "exception": "Traceback:\n  x"}))
    assert shown.endswith("[routstr.access]\n    Traceback:\n      x\n")


def test_who_wants_no_colour_gets_none(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    shown = Painter(screen)({**LINE, "error": "x"})
    assert "\x1b[3" not in shown, "bold at most"
