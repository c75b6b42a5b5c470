"""Slows down whoever guesses: growing pauses for each address, and for all of them together.

The first few failures are free, as people mistype. Then every failure doubles the pause of its
address, up to a quarter of an hour; failures from everywhere add a shorter one for everybody. A
success ends the pauses of its address only, so that a guesser gains nothing by it.
"""

from typing import Final

from routstr.errors import TooManyLogins

FREE: Final = 3
PAUSE_SECONDS_MAX: Final = 900
FREE_OF_ALL: Final = 30
PAUSE_SECONDS_MAX_OF_ALL: Final = 30
FORGET_SECONDS: Final = 3_600
ADDRESSES_MAX: Final = 10_000


class _Record:
    __slots__ = ("at", "failures")

    def __init__(self) -> None:
        self.failures = 0
        self.at = 0.0


class Throttle:
    """One process's memory of failed log-ins, which changed settings do not end.

    Times are seconds of a monotonic clock.
    """

    def __init__(self) -> None:
        self._records: dict[str, _Record] = {}
        self._all = _Record()

    def enter(self, address: str, now: float) -> None:
        """Count an attempt as failed until :meth:`succeeded`, or raise :class:`TooManyLogins`."""
        self._forget(now)
        record = self._records.get(address) or _Record()
        wait = max(
            _pause(record, FREE, PAUSE_SECONDS_MAX) - (now - record.at),
            _pause(self._all, FREE_OF_ALL, PAUSE_SECONDS_MAX_OF_ALL) - (now - self._all.at),
        )
        if wait > 0:
            seconds = str(int(wait) + 1)
            raise TooManyLogins(
                f"Too many attempts to log in; wait {seconds} s.", headers={"Retry-After": seconds}
            )
        if address not in self._records and len(self._records) >= ADDRESSES_MAX:
            del self._records[next(iter(self._records))]
        self._records[address] = record
        for one in (record, self._all):
            one.failures += 1
            one.at = now

    def succeeded(self, address: str) -> None:
        """The attempt that entered last from this address was none of a guesser."""
        self._records.pop(address, None)
        self._all.failures = max(0, self._all.failures - 1)

    def _forget(self, now: float) -> None:
        if self._all.failures and now - self._all.at > FORGET_SECONDS:
            self._records.clear()
            self._all = _Record()


def _pause(record: _Record, free: int, longest: int) -> int:
    over = record.failures - free
    return 0 if over < 0 else min(1 << min(over, 20), longest)
