"""What the model keeps of accounts, holds, deposits and money on its way out. Amounts are msat."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

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
    """A customer: what is there, how much of it is held, and whether it takes no more holds."""

    total: int = 0
    held: int = 0
    deposited: int = 0
    closed: bool = False

    @property
    def available(self) -> int:
        return self.total - self.held


@dataclass(frozen=True, slots=True)
class Hold:
    """Money set aside for one request."""

    account: int
    amount: int
    end: End = End.OPEN
    charged: int = 0
    uncollected: int = 0


@dataclass(frozen=True, slots=True)
class Deposit:
    """What a token was redeemed for."""

    purpose: str
    account: int
    net: int


@dataclass(frozen=True, slots=True)
class Refund:
    """Money that was given back; ``deposited`` is the account's at that time."""

    account: int
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
