"""Log lines in colour, for a person at a terminal. Loaded only where there is one."""

from collections.abc import Mapping
from typing import Final, TextIO, final

from rich.console import Console as Terminal
from rich.text import Text

from routstr.core.log_writer import HEAD, LogLine, flat, word

_LEVELS: Final[Mapping[str, str]] = {
    "debug": "dim",
    "info": "green",
    "warning": "yellow",
    "error": "bold red",
    "critical": "bold white on red",
}
_CLOCK: Final = slice(11, 23)
"""The time of day in a timestamp: the day is known to who looks on."""
_REFUSED: Final = 400
_FAILED: Final = 500


@final
class Painter:
    """Writes lines as the terminal can show them: none in colour where ``NO_COLOR`` says so."""

    def __init__(self, stream: TextIO) -> None:
        self._terminal: Final = Terminal(file=stream, highlight=False, soft_wrap=True)

    def __call__(self, line: LogLine) -> str:
        """One line, with its end; a traceback takes further ones."""
        with self._terminal.capture() as written:
            self._terminal.print(_painted(line))
        return written.get()


def _painted(line: LogLine) -> Text:
    level = str(line["level"])
    text = Text.assemble(
        (str(line["timestamp"])[_CLOCK], "dim"),
        " ",
        (f"{level:<8}", _LEVELS.get(level, "")),
        " ",
        (flat(str(line["event"])), "bold"),
    )
    for name, value in line.items():
        if name not in HEAD and name != "exception":
            text.append(f" {name}=", "cyan")
            text.append(word(value), _of_value(name, value))
    text.append(f" [{line['logger']}]", "dim")
    for trace in map(flat, str(line.get("exception") or "").splitlines()):
        text.append(f"\n    {trace}", "red")
    return text


def _of_value(name: str, value: object) -> str:
    if name == "error":
        return "red"
    if name == "status" and isinstance(value, int):
        return "red" if value >= _FAILED else "yellow" if value >= _REFUSED else "green"
    return ""
