"""What a key may spend beside what its account has: a cap, for good or for each period of UTC.

A limit counts what its key's holds set aside and what they charged in the current period. A charge
counts in the period of its hold, however late it comes; the hold took no more than the period left,
so no period is ever exceeded. Only the charge of a hold that had expired meanwhile, which set
nothing aside any more, counts in the period in which it is made, and takes what that one leaves.

Periods go forward only: an instance whose clock is behind counts in the newest period known.
Without a cap a limit only counts. Pure: rows in, rows out, under the batch's lock.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Final

from msgspec import Struct

from routstr.money import MAX_MSAT

_DAY_MS: Final = 86_400_000
_WEEKDAY_OF_EPOCH: Final = 3  # 1 January 1970 was a Thursday; weeks begin on Monday
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Reset(IntEnum):
    """How often a limit begins anew; the name in lower case is what clients say."""

    NEVER = 0
    DAILY = 1
    WEEKLY = 2
    MONTHLY = 3


def period_start(reset: int, at: int) -> int:
    """When the period of a moment began (both ms since the epoch), or 0 without periods."""
    if reset == Reset.NEVER:
        return 0
    days = at // _DAY_MS
    if reset == Reset.WEEKLY:
        days -= (days + _WEEKDAY_OF_EPOCH) % 7
    elif reset == Reset.MONTHLY:
        days -= (_EPOCH + timedelta(days=days)).day - 1
    return days * _DAY_MS


class LimitRow(Struct, gc=False):
    """A limit as read under lock, then as it will be. Amounts are msat.

    ``spent`` and ``held`` belong to the period that began at ``period``; ``forgiven`` is the part
    of ``spent`` that a reset by hand took out of the count.
    """

    id: int
    account: int
    version: int
    cap: int | None
    reset: int
    period: int
    spent: int
    forgiven: int
    held: int
    touched: bool = False
    charged: int = 0  # what this batch adds over all periods
    requests: int = 0

    def left(self, at: int) -> int:
        """What may still be set aside or charged at a moment; without a cap, all there can be."""
        start = period_start(self.reset, at)
        if start > self.period:
            self.period = start
            self.spent = self.forgiven = self.held = 0
            self.touched = True
        if self.cap is None:
            return int(MAX_MSAT)
        return max(self.cap - (self.spent - self.forgiven) - self.held, 0)

    def hold(self, amount: int) -> None:
        """Count what was set aside in the current period."""
        self.held += amount
        self.touched = True

    def free(self, amount: int, period: int) -> None:
        """Count that a hold of some period has ended."""
        if period == self.period:
            self.held -= amount
            self.touched = True

    def charge(self, amount: int, period: int) -> None:
        """Count a request and its charge in the period of its hold."""
        if period == self.period:
            self.spent += amount
        self.charged += amount
        self.requests += 1
        self.touched = True


class Limits:
    """The locked limits of a batch, and the moment at which it decides (ms)."""

    __slots__ = ("at", "rows")

    def __init__(self, rows: Iterable[LimitRow], at: int) -> None:
        self.rows: Final = {row.id: row for row in rows}
        self.at: Final = at

    def of(self, limit: int | None, account: int) -> LimitRow | None:
        """The limit with this id, if it counts on this account."""
        if limit is None:
            return None
        row = self.rows.get(limit)
        return row if row is not None and row.account == account else None


NO_LIMITS: Final = Limits((), 0)
