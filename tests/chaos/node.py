"""``routstr serve`` with a clock that a file moves: ``python -m tests.chaos.node --port N``."""

import sys
import time
from pathlib import Path
from typing import Final

from routstr.core.clock import SystemClock
from routstr.core.settings import Settings
from routstr.main import App, create_app
from tests.crash.node import main

OFFSET: Final = "clock-offset"
"""The file in the working folder that holds the seconds by which the wall clock is wrong."""


class ShiftedClock(SystemClock):
    """The machine's clock, put forward or back; its monotonic hand is that of the machine."""

    __slots__ = ()

    def now_ms(self) -> int:
        try:
            shift = int(Path(OFFSET).read_text() or 0)
        except FileNotFoundError:
            shift = 0
        return time.time_ns() // 1_000_000 + shift * 1_000


def build(settings: Settings) -> App:
    """The node with that clock and nothing else changed."""
    return create_app(settings, clock=ShiftedClock())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], build))
