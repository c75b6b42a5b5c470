"""Batches that are begun again: when, and who is told why."""

import random
import time
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from routstr.core.db.backend import Failure

_FIRST_PAUSE_SECONDS: Final = 0.01  # lets the one go first for whom a deadlock was broken
_PAUSE_SECONDS_MAX: Final = 0.5
_DOUBLINGS: Final = 6


class Retry(StrEnum):
    """Why the writer did not get through at once."""

    DEADLOCK = "deadlock"  # two writers waited for each other (SQLSTATE 40P01)
    SERIALIZATION = "serialization"  # 40001
    STATEMENT = "statement"  # what was prepared is gone
    CONNECTION = "connection"  # lost before COMMIT was sent
    COMMIT_MADE = "commit_made"  # lost with COMMIT on its way, which took effect
    COMMIT_NOT_MADE = "commit_not_made"  # and did not


Retried = Callable[[Retry], None]
"""Told of each, by the writer's thread."""

_BY_STATE: Final = {"40P01": Retry.DEADLOCK, "40001": Retry.SERIALIZATION}


class Retries:
    """The tries of one batch. ``sleep`` takes seconds."""

    def __init__(self, told: Retried, sleep: Callable[[float], None] = time.sleep) -> None:
        self._told: Final = told
        self._sleep: Final = sleep
        self._count = 0

    def tell(self, error: BaseException, failure: Failure | None) -> None:
        """Count why the batch has to begin again, if it can."""
        if failure is Failure.GONE:
            self._told(Retry.CONNECTION)
        elif failure is Failure.RETRY:
            state = getattr(getattr(error, "orig", None) or error, "sqlstate", None)
            self._told(_BY_STATE.get(str(state), Retry.STATEMENT))

    def pause(self) -> None:
        """Wait, longer each time, and never as long as the others that wait."""
        pause = _FIRST_PAUSE_SECONDS * (1 << min(self._count, _DOUBLINGS))
        self._count += 1
        self._sleep(min(pause, _PAUSE_SECONDS_MAX) * random.uniform(0.5, 1.0))  # noqa: S311
