"""What the hot batch is asked and what it answers: plain values, immutable, and nothing else.

:mod:`routstr.ledger.entries` decides; whoever holds and settles knows only these.
"""

from typing import TypeAlias

from msgspec import Struct

from routstr.money import Msat


class KeyMark(Struct, frozen=True, gc=False):
    """A key as it was looked up: its limit, if it has one, and the version of what was read.

    A hold by a key that has changed since (rotated, revoked, other terms) is refused as stale.
    """

    version: int
    limit: int | None = None


class HoldRequest(Struct, frozen=True, gc=False):
    """Set aside ``wanted`` msat of an account, less if it has less, but at least ``minimum``.

    ``closes``: the account takes this hold and no other after it. ``mark``: the key that spends;
    none for whoever brings an account of their own.
    """

    account: int
    minimum: Msat
    wanted: Msat
    request_id: str
    model: str
    endpoint: str
    price_version: int
    rates: str
    closes: bool = False
    mark: KeyMark | None = None


class Placed(Struct, frozen=True, gc=False):
    """How a hold was placed: all that is needed to end it when its row is lost."""

    request: HoldRequest
    amount: Msat


class Settlement(Struct, frozen=True, gc=False):
    """End a hold with what the request cost; ``placed`` charges it even when its row is lost.

    ``provider`` served, which costs the operator ``own_cost`` msat by its own prices.
    """

    hold: int
    cost: Msat
    prompt_tokens: int
    completion_tokens: int
    estimated: bool
    placed: Placed | None = None
    provider: str = ""
    own_cost: int = 0


class Release(Struct, frozen=True, gc=False):
    """End a hold without a charge; ``expire`` when its owner is gone instead of done."""

    hold: int
    expire: bool = False
    placed: Placed | None = None


class Held(Struct, frozen=True, gc=False):
    """A hold was placed; ``available`` is what the account has left beside it."""

    hold: int
    amount: Msat
    available: Msat


class Refused(Struct, frozen=True, gc=False):
    """No hold: the account has too little, or takes no charges any more.

    ``stale``: the key has changed since it was looked up. ``allowance``: the key's limit is the
    reason, and this is what it leaves.
    """

    available: Msat
    reserved: Msat
    closed: bool
    stale: bool = False
    allowance: Msat | None = None


class Settled(Struct, frozen=True, gc=False):
    """What a settlement charged, and the account's balance right after it."""

    charged: Msat
    uncollected: Msat
    available: Msat
    reserved: Msat


class UnknownHold(Struct, frozen=True, gc=False):
    """There is no such hold."""

    hold: int


Operation: TypeAlias = HoldRequest | Settlement | Release
Answer: TypeAlias = Held | Refused | Settled | UnknownHold
