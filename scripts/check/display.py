"""Tells how far the checks are, to a person or to a log."""

import shutil
import sys
import time
from collections.abc import Sequence
from typing import Final, TextIO

from scripts.check.results import Result

_HEARTBEAT_S: Final = 30.0
_REFRESH_S: Final = 0.5


class Display:
    """A line when a step starts (in a log) and ends; on a terminal a last line that moves."""

    def __init__(self, out: TextIO | None = None, *, live: bool | None = None) -> None:
        self._out = out or sys.stdout
        self._live = self._out.isatty() if live is None else live
        self._told = time.monotonic()
        self.refresh_s = _REFRESH_S if self._live else _HEARTBEAT_S

    def begin(self, name: str) -> None:
        if not self._live:
            self._say(f"          {name} ...")

    def tick(self, running: Sequence[tuple[str, float]]) -> None:
        """Called often, with the names of the running steps and since when (seconds)."""
        if time.monotonic() - self._told < self.refresh_s:
            return
        now = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in running)
        if self._live:
            self._clear()
            width = shutil.get_terminal_size().columns - 1
            print(f"          {now}"[:width], end="", file=self._out, flush=True)
            self._told = time.monotonic()
        else:
            self._say(f"          still running: {now}")

    def end(self, result: Result, output: str) -> None:
        """A step has ended; ``output`` is shown when there is any."""
        self._say(result.line)
        if output:
            self._say("\n".join(f"    {line}" for line in output.splitlines()))

    def tell(self, text: str) -> None:
        self._say(text)

    def _say(self, text: str) -> None:
        self._clear()
        print(text, file=self._out, flush=True)
        self._told = time.monotonic()

    def _clear(self) -> None:
        if self._live:
            print("\r\033[K", end="", file=self._out)
