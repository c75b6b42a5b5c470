"""After everything was healed: what clients and the node have, gathered and compared."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, NamedTuple

from devkit.payer import Payer
from tests.chaos import tally
from tests.chaos.caller import SAT, Caller, Unsettled
from tests.chaos.clients import FACE_SAT, KeyClient, TokenClient
from tests.chaos.tally import KeyBook, Single
from tests.chaos.world import World
from tests.crash.books import State

_KEYS: Final = 3
"""Clients with keys, of each mint; beside them one that pays with tokens."""
_TOPUPS: Final = 3
_TOKENS: Final = 16
_FUNDS_SAT: Final = 60
_QUIET_S: Final = 90.0


class Clients(NamedTuple):
    """All of them."""

    keys: Sequence[KeyClient]
    singles: Sequence[TokenClient]

    async def run(self, over: asyncio.Event) -> None:
        """Load until it is over."""
        everybody: list[KeyClient | TokenClient] = [*self.keys, *self.singles]
        await asyncio.gather(*(one.run(over) for one in everybody))


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is compared. ``served``: marks that providers had seen before requests were repeated."""

    books: Sequence[KeyBook]
    singles: Sequence[Single]
    served: frozenset[str]
    state: State
    outstanding: int  # at the mints, in sat
    purses: int  # the clients' ecash
    unspent: int  # the node's

    @property
    def paid_in(self) -> int:
        """In msat."""
        return sum(one.paid_in for one in self.books) + sum(one.face for one in self.singles)

    @property
    def returned(self) -> int:
        """In msat."""
        of_keys = sum(one.returned for one in self.books)
        return of_keys + sum(one.returned for one in self.singles)

    def troubles(self) -> list[str]:
        """What does not agree."""
        found = [trouble for book in self.books for trouble in tally.of_key(book, self.served)]
        for single in self.singles:
            found += tally.of_single(single, self.served)
        found += tally.totals(self.paid_in, self.returned, self.state.posted, self.state.own)
        return found + tally.at_mint("mints", self.outstanding, self.unspent, self.purses)

    def figures(self) -> dict[str, int]:
        """For the report."""
        asked = [one for book in self.books for one in book.asked]
        asked += [one.asked for one in self.singles]
        repeats = [one for book in self.books for one in book.repeats.values()]
        known = {one.request_id for one in asked} | {one.request_id for one in repeats}
        charges = [charge for book in self.books for charge in book.charges]
        unknown = sum(charge.request_id not in known for charge in charges)
        return {
            "requests": len(asked),
            "requests without an answer": sum(not one.request_id for one in asked),
            "repeated: paid before": sum(not one.anew for one in repeats),
            "repeated: served anew": sum(one.anew for one in repeats),
            "charged without an answer, known by its prompt": unknown,
            "answers that told a cost": sum(one.told is not None for one in asked),
            "requests that providers saw": len(self.served),
            "charges of keys, each with a receipt": len(charges),
            "tokens that paid for one request": len(self.singles),
            "paid in, msat": self.paid_in,
            "given back, msat": self.returned,
            "owed, msat": self.state.posted,
            "earned, msat": self.state.own,
            "outstanding at the mints, msat": self.outstanding * SAT,
            "the node's ecash, msat": self.unspent * SAT,
            "the clients' ecash, msat": self.purses * SAT,
        }


async def clients(world: World, chance: Random, seen: Counter[str]) -> Clients:
    """With keys and with tokens, of each mint."""
    callers = {
        mint: [Caller(world, Random(chance.random()), seen) for _ in range(_KEYS + 1)]
        for mint in world.payers
    }
    of_mints = await asyncio.gather(
        *(_of_mint(mint, payer, callers[mint]) for mint, payer in world.payers.items())
    )
    return Clients(
        [key for one in of_mints for key in one.keys],
        [single for one in of_mints for single in one.singles],
    )


async def _of_mint(mint: str, payer: Payer, callers: Sequence[Caller]) -> Clients:
    keys = list[KeyClient]()
    for number, caller in enumerate(callers[:_KEYS]):
        tokens = [await payer.token(_FUNDS_SAT) for _ in range(1 + _TOPUPS)]
        keys.append(KeyClient(f"key {number} of {mint}", caller, payer, tokens))
        await keys[-1].create()
    tokens = [await payer.token(FACE_SAT) for _ in range(_TOKENS)]
    return Clients(keys, [TokenClient(f"tokens of {mint}", callers[_KEYS], payer, tokens)])


async def calm(world: World) -> list[str]:
    """Wait until no hold and no saga is open; what is open still."""
    deadline = time.monotonic() + _QUIET_S
    while (state := world.books.state()).open_holds or state.open_sagas:
        if time.monotonic() > deadline:
            open_sagas = world.books.problems()
            return [f"{state.open_holds} holds and {state.open_sagas} sagas open: {open_sagas}"]
        await asyncio.sleep(0.5)
    return []


async def settle(all_of: Clients) -> None:
    """Everything unclear is asked until it is clear, and everything is taken back."""
    await asyncio.gather(*(one.settle() for one in all_of.keys))
    await asyncio.gather(*(one.settle() for one in all_of.singles))


async def gather(world: World, all_of: Clients, served: frozenset[str]) -> Evidence:
    """Ask everybody. Raises Unsettled."""
    books = await asyncio.gather(*(one.book() for one in all_of.keys))
    if open_still := await calm(world):
        raise Unsettled(*open_still)
    return Evidence(
        books,
        [single for one in all_of.singles for single in one.singles],
        served,
        world.books.state(),
        outstanding=sum(world.outstanding(mint) for mint in world.mints),
        purses=sum(payer.balance() for payer in world.payers.values()),
        unspent=world.books.unspent_sum(),
    )
