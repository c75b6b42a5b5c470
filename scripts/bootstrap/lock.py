"""One set-up at a time: the second one waits, and then finds everything done."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from scripts.processes import Interrupts

LIMIT_S: Final = 1_800.0
_POLL_S: Final = 0.1


class LockedTooLong(Exception):
    """Another set-up has been running for longer than any should."""


@contextmanager
def only_one(path: Path, interrupts: Interrupts, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock inside the block. The system frees it when we die in any way.

    Raises LockedTooLong, Interrupted, and OSError when the file cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDONLY | os.O_CREAT, 0o644)
    try:
        _wait_for(file, interrupts, say)
        yield
    finally:
        os.close(file)


def _wait_for(file: int, interrupts: Interrupts, say: Callable[[str], None]) -> None:
    deadline = time.monotonic() + LIMIT_S
    told = False
    while not _taken(file):
        interrupts.check()
        if time.monotonic() > deadline:
            raise LockedTooLong
        if not told:
            say("Another set-up of this folder is running: waiting for it")
            told = True
        time.sleep(_POLL_S)


def _taken(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
