"""Tells a person, or a log, how far the set-up is."""

import re
import shutil
import sys
import time
from typing import Final, TextIO

from scripts.processes import Child

_WORTH_TELLING: Final = re.compile(r"^\s*(Downloading|Building|Resolved|Prepared|Installed)\b.*")
_HEARTBEAT_S: Final = 15.0
_REFRESH_S: Final = 0.2


class Progress:
    """On a terminal one line per step, rewritten while it lasts; else a line whenever news come."""

    def __init__(self, out: TextIO | None = None, *, live: bool | None = None) -> None:
        self._out = out or sys.stderr
        self._live = self._out.isatty() if live is None else live
        self._step = ""
        self._news = ""
        self._told = 0.0

    def say(self, line: str) -> None:
        """A line that stays."""
        self._clear()
        print(line, file=self._out, flush=True)

    def begin(self, step: str) -> None:
        """A step starts."""
        self._step, self._news, self._told = step, "", time.monotonic()
        if not self._live:
            self.say(f"  {step} ...")

    def watch(self, child: Child) -> None:
        """Called often while the step's program runs."""
        for line in child.new_output().splitlines():
            if _WORTH_TELLING.match(line):
                self._news = line.strip()
                if not self._live:
                    self._tell(f"    {self._news}")
        silence = time.monotonic() - self._told
        if self._live and silence > _REFRESH_S:
            self._rewrite(f"  {self._step} {child.seconds:4.0f} s  {self._news}")
        elif silence > _HEARTBEAT_S:
            self._tell(f"    {child.seconds:.0f} s of at most {child.limit_s:.0f} s")

    def end(self, child: Child) -> None:
        """The step is done."""
        self.say(f"  {self._step}: {child.seconds:.1f} s")

    def _tell(self, line: str) -> None:
        self._told = time.monotonic()
        self.say(line)

    def _rewrite(self, line: str) -> None:
        self._told = time.monotonic()
        width = shutil.get_terminal_size().columns - 1
        self._clear()
        print(line[:width], end="", file=self._out, flush=True)

    def _clear(self) -> None:
        if self._live:
            print("\r\033[K", end="", file=self._out)
