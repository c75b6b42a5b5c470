"""With what a payer can pay right now: the listed mints that answer, their units, their fees.

Looked at only when somebody must be told, and then remembered for a while, so that the mints are
asked seldom, however many ask here.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import repeat
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from routstr.core.clock import Clock
from routstr.errors import RoutstrError
from routstr.money import Msat, Unit
from routstr.wallet.keysets import Keyset, input_fee
from routstr.wallet.mints import Mints

AGE_S_MAX: Final = 60.0
"""How long a look at a mint that answered is good for."""
AWAY_AGE_S_MAX: Final = 10.0
"""The same for a mint that did not answer."""
PATIENCE_S: Final = 1.0
"""How long somebody who must be told may have to wait for a mint."""
FIRST_PATIENCE_S: Final = 5.0
"""The same as long as nothing is known of any mint."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A mint whose tokens are taken. ``fees_ppk``: its input fee per proof in each of its units.

    ``room``: how much may still come in there, if there is a limit.
    """

    mint: str
    fees_ppk: Mapping[Unit, int] = field(default_factory=dict)
    room: Msat | None = None


@dataclass(frozen=True, slots=True)
class _Look:
    offer: Offer
    good_until_s: float
    answered: bool = True


class Offers:
    """Looks at the mints, all at once, and remembers what it saw."""

    def __init__(
        self,
        mints: Mints,
        clock: Clock,
        *,
        patience_s: float = PATIENCE_S,
        first_patience_s: float = FIRST_PATIENCE_S,
    ) -> None:
        self._mints: Final = mints
        self._clock: Final = clock
        self._patience_s: Final = patience_s
        self._first_patience_s: Final = first_patience_s
        self._seen: Final[dict[str, _Look]] = {}
        self._looking: Final[dict[str, asyncio.Task[None]]] = {}

    async def current(self) -> tuple[Offer, ...]:
        """Return the mints that answer, the preferred one first; never raises, never waits long.

        While none answers: all of them, with what is known of them.
        """
        now = self._clock.monotonic()
        urls, seen = self._mints.urls, self._seen
        old = [url for url in urls if url not in seen or seen[url].good_until_s <= now]
        if old:
            await self._wait(old)
        looks = [seen[url] for url in urls]
        answering = [look for look in looks if look.answered] or looks
        rooms = await self._rooms()
        return tuple(replace(look.offer, room=rooms.get(look.offer.mint)) for look in answering)

    async def _rooms(self) -> Mapping[str, Msat]:
        """Read how much may come in where: what was looked at a minute ago is not good enough."""
        try:
            return await self._mints.exposure.rooms()
        except (RoutstrError, SQLAlchemyError):  # the payment will be refused if it has to be
            return {}

    async def _wait(self, urls: list[str]) -> None:
        """Wait until these are looked at, but not long for a slow one when others are known."""
        tasks = {self._look(url) for url in urls}
        _, late = await asyncio.wait(tasks, timeout=self._patience_s)
        if late and not any(look.offer.fees_ppk for look in self._seen.values()):
            rest_s = self._first_patience_s - self._patience_s
            await asyncio.wait(late, timeout=rest_s, return_when=asyncio.FIRST_COMPLETED)
        for url, task in self._looking.items():
            if not task.done():
                self._note(url, None)  # it may still answer, for the next who asks

    async def close(self) -> None:
        """Stop looking."""
        tasks = list(self._looking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _look(self, url: str) -> asyncio.Task[None]:
        """One look serves all who wait."""
        if url not in self._looking:
            task = self._looking[url] = asyncio.create_task(self._ask(url))
            task.add_done_callback(lambda _: self._looking.pop(url))
        return self._looking[url]

    async def _ask(self, url: str) -> None:
        try:
            keysets = await self._mints.keysets(self._mints.mint(url), fresh=True)
        except (RoutstrError, SQLAlchemyError):  # it is away, or this node cannot remember it
            self._note(url, None)
        else:
            self._note(url, _fees(keysets))

    def _note(self, url: str, fees_ppk: Mapping[Unit, int] | None) -> None:
        """Remember what a mint said; with None, that it did not answer."""
        now, known = self._clock.monotonic(), self._seen.get(url)
        if fees_ppk is not None:
            self._seen[url] = _Look(Offer(url, fees_ppk), now + AGE_S_MAX)
        else:
            offer = known.offer if known else Offer(url)
            self._seen[url] = _Look(offer, now + AWAY_AGE_S_MAX, answered=False)


def face_value(net: int, fee_ppk: int) -> int:
    """Return the smallest amount of which ``net`` arrives after the mint's input fee.

    Counted is one proof of each power of two, the most that a wallet makes for an amount; of a
    token with more proofs less arrives.
    """
    amount = net
    while amount - input_fee(repeat(fee_ppk, amount.bit_length())) < net:
        amount = net + input_fee(repeat(fee_ppk, amount.bit_length()))
    return amount


def _fees(keysets: Mapping[str, Keyset]) -> dict[Unit, int]:
    """The dearest active keyset counts: which one a payer's wallet has proofs of is not known."""
    fees: dict[Unit, int] = {}
    for keyset in keysets.values():
        if keyset.active:
            unit = Unit(keyset.unit)
            fees[unit] = max(fees.get(unit, 0), keyset.input_fee_ppk)
    return fees
