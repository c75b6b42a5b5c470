"""What the model keeps of accounts, holds, deposits and money on its way out. Amounts are msat."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, TypeAlias

_NO_LIMIT: Final = 1 << 62
BEARER: Final = 0
"""In place of an account: whoever has the token that a foreign mint's token left."""
Ys: TypeAlias = frozenset[bytes]
"""The points of a token's proofs, which name the token however it is written."""


class End(StrEnum):
    """How a hold stands."""

    OPEN = "open"
    SETTLED = "settled"
    RELEASED = "released"
    EXPIRED = "expired"
    LATE = "late"


class Stage(StrEnum):
    """How a refund stands."""

    OPEN = "open"
    ISSUED = "issued"
    UNDONE = "undone"
    CLAIMED = "claimed"


@dataclass(frozen=True, slots=True)
class Account:
    """A customer: what is there, how much of it is held, and whether it takes no more holds.

    Of a key: when it expires (ms), where its money goes then, and how often it was rotated.
    """

    total: int = 0
    held: int = 0
    deposited: int = 0
    closed: bool = False
    expires_at: int | None = None
    address: str | None = None
    generation: int = 0

    @property
    def available(self) -> int:
        return self.total - self.held


@dataclass(frozen=True, slots=True)
class Hold:
    """Money set aside for one request; of a child key, in a period of its limit."""

    account: int
    amount: int
    end: End = End.OPEN
    charged: int = 0
    uncollected: int = 0
    limit: int | None = None
    period: int = 0


class Reset(StrEnum):
    """How often a limit begins anew, as clients say it."""

    NEVER = "never"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"

    def began(self, at: int) -> int:
        """When the period of a moment began, in UTC; both ms since the epoch."""
        if self is Reset.NEVER:
            return 0
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        day = (epoch + timedelta(milliseconds=at)).replace(
            hour=0, minute=0, second=0, microsecond=0
        )
        if self is Reset.WEEKLY:
            day -= timedelta(days=day.weekday())
        elif self is Reset.MONTHLY:
            day = day.replace(day=1)
        return (day - epoch) // timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Limit:
    """A child key: what it may spend of its parent's account in each period, and what it has.

    ``total`` is what it spent in all periods.
    """

    account: int
    cap: int | None
    reset: Reset
    period: int
    counted: int = 0
    held: int = 0
    total: int = 0
    revoked: bool = False

    @property
    def left(self) -> int:
        return _NO_LIMIT if self.cap is None else max(self.cap - self.counted - self.held, 0)

    def entered(self, period: int) -> "Limit":
        """A later period begins with nothing; an earlier one never comes back."""
        if period <= self.period:
            return self
        return replace(self, period=period, counted=0, held=0)


@dataclass(frozen=True, slots=True)
class Deposit:
    """What a token was redeemed for."""

    purpose: str
    account: int
    net: int


@dataclass(frozen=True, slots=True)
class Refund:
    """Money that was given back, or taken out by the operator when it names no account.

    ``deposited`` is the account's at that time.
    """

    account: int | None
    gross: int
    deposited: int
    net: int = 0
    stage: Stage = Stage.OPEN


@dataclass(frozen=True, slots=True)
class Leaving:
    """What leaves over Lightning; of the operator's own when it names no account.

    ``gross`` is the most that can leave, ``spent`` what the mint kept.
    """

    account: int | None
    gross: int
    spent: int = 0
    stage: Stage = Stage.OPEN


@dataclass(frozen=True, slots=True)
class Passing:
    """A foreign mint's token that pays an invoice of the primary mint.

    ``spent`` is what its mint kept, None while nobody knows.
    """

    saga: int
    invoice: Ys
    spent: int | None = None
