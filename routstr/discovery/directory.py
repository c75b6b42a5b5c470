"""Other nodes, as relays tell of them: who announces itself, how it answers, what a reviewer says.

::

    relays ── announcements, reviews (signatures checked) ──> candidates ── asked ──> the list
      └─ none answers ──> the last list stays

Each process reads for itself and keeps it in memory: it is little, and nothing depends on it.
"""

import asyncio
import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from routstr.core.clock import Clock
from routstr.core.logging import get_logger
from routstr.discovery.announcement import ANNOUNCEMENT
from routstr.discovery.events import Event, Filter, newest
from routstr.discovery.identity import InvalidPublicKey, public_key
from routstr.discovery.listing import Provider, candidates, in_time, rank
from routstr.discovery.probe import Health, Probe, own_key
from routstr.discovery.relays import RelayPool
from routstr.discovery.reviews import (
    Curated,
    Names,
    Review,
    Verdict,
    curated_of,
    names_of,
    reviews_of,
    wanted,
)

LISTED_MAX: Final = 42
ASKED_MAX: Final = 500
FORGOTTEN_AFTER_SECONDS: Final = 86_400
"""How long a node stays in the list when no relay tells of it any more."""
_AT_ONCE: Final = 8
_TRUSTED_MAX: Final = 200
Seen = Mapping[str, tuple[Event, int]]
"""Announcements behind the list, and when a relay last told of them, in s since 1970."""

_log = get_logger(__name__)


class Listed(Struct, frozen=True):
    """A node of the list."""

    provider: Provider
    health: Health
    review: Review | None


class Known(Struct, frozen=True):
    """What was read last; ``read_at`` in ms since 1970, None: nothing was yet."""

    read_at: int | None = None
    listed: tuple[Listed, ...] = ()
    reviews: Mapping[str, Review] = {}
    curated: Curated = Curated()
    names: Names = Names({})


class Directory:
    """Reads, asks, and tells what it found."""

    def __init__(
        self, pool: RelayPool, probe: Probe, clock: Clock, *, reviewer: str, lists: bool
    ) -> None:
        """``reviewer``: the npub whose reviews count, or none. ``lists``: list nodes."""
        self._pool: Final = pool
        self._probe: Final = probe
        self._clock: Final = clock
        self.reviewer: Final = reviewer
        self.lists: Final = lists
        self.known = Known()
        self.seen: Seen = {}

    def remember(self, before: "Directory") -> None:
        """Begin with what an earlier one knew, if it listened to the same reviewer."""
        if before.reviewer == self.reviewer:
            self.known, self.seen = before.known, before.seen

    async def refresh(self) -> None:
        """Read everything anew. What cannot be read stays as it was."""
        now, reviewer = self._clock.now_ms() // 1_000, await self._reviewer_key()
        filters = self._filters() + (wanted(reviewer) if reviewer else [])
        if not filters:
            return
        held = await self._pool.query_each(filters)
        if not held:
            _log.info("directory_not_read", relays=len(self._pool.urls))
            return
        events = {event.id: event for found in held.values() for event in found}
        read = list(in_time(events.values(), now))
        reviews = _newer(self.known.reviews, reviews_of(read, reviewer))
        curated, names = curated_of(read, reviewer), names_of(read, reviewer)
        before = self.known
        self.known = Known(
            self._clock.now_ms(),
            await self._list(read, reviews, now) if self.lists else (),
            reviews,
            before.curated if curated.created_at is None else curated,
            before.names if names.created_at is None else names,
        )
        _log.info("directory_read", nodes=len(self.known.listed), reviews=len(reviews))

    def shuffled(self, pubkey: str = "") -> list[Listed]:
        """The nodes in no order that favours one; those of a key, if one is named."""
        found = [one for one in self.known.listed if pubkey in ("", one.provider.pubkey)]
        random.shuffle(found)
        return found

    def _filters(self) -> list[Filter]:
        """The newest announcements, and those of well reviewed keys in any case."""
        filters: list[Filter] = []
        if self.lists:
            filters.append(Filter(kinds=(ANNOUNCEMENT,), limit=ASKED_MAX))
            good = [
                key
                for key, review in self.known.reviews.items()
                if review.verdict is Verdict.POSITIVE
            ]
            if good:
                authors = tuple(good[:_TRUSTED_MAX])
                filters.append(Filter(kinds=(ANNOUNCEMENT,), authors=authors, limit=ASKED_MAX))
        return filters

    async def _reviewer_key(self) -> str:
        """In hexadecimal digits; empty: there is none."""
        try:
            return await asyncio.to_thread(public_key, self.reviewer) if self.reviewer else ""
        except InvalidPublicKey:
            _log.warning("reviewer_unfit", npub=self.reviewer)
            return ""

    async def _list(
        self, read: Iterable[Event], reviews: Mapping[str, Review], now: int
    ) -> tuple[Listed, ...]:
        fresh = [event for event in read if event.kind == ANNOUNCEMENT]
        kept = [event for event, at in self.seen.values() if now - at <= FORGOTTEN_AFTER_SECONDS]
        asked = candidates([*fresh, *kept], reviews, now)
        self._remember_seen(asked, fresh, now)
        one_by_one = asyncio.Semaphore(_AT_ONCE)

        async def look(urls: tuple[str, ...]) -> Health:
            async with one_by_one:
                return await self._probe.look(urls)

        places = list(dict.fromkeys(one.endpoint_urls for one in asked))
        answers = dict(zip(places, await asyncio.gather(*map(look, places)), strict=True))
        listed = [Listed(one, answers[one.endpoint_urls], reviews.get(one.pubkey)) for one in asked]
        return chosen(listed, reviews)

    def _remember_seen(self, asked: Sequence[Provider], fresh: Sequence[Event], now: int) -> None:
        """Keep the events behind the candidates, for the day when no relay has them."""
        seen = {**self.seen, **{name: (event, now) for name, event in newest(fresh).items()}}
        behind = {f"{one.kind}:{one.pubkey}:{one.id}": one.created_at for one in asked}
        self.seen = {
            address: (event, at)
            for address, (event, at) in seen.items()
            if behind.get(address) == event.created_at
        }


def chosen(listed: Sequence[Listed], reviews: Mapping[str, Review]) -> tuple[Listed, ...]:
    """Of several that announce the same address one: whom the node names as its own key.

    Else the better reviewed, else the newer. Of all, those that answer come first; 42 are kept.
    """
    best: dict[str, Listed] = {}
    for one in sorted(listed, key=lambda one: (not _is_own(one), rank(one.provider, reviews))):
        best.setdefault(one.provider.endpoint_url, one)
    ordered = sorted(
        best.values(), key=lambda one: (not one.health.serves, rank(one.provider, reviews))
    )
    return tuple(ordered[:LISTED_MAX])


def _is_own(one: Listed) -> bool:
    return own_key(one.health) == one.provider.pubkey


def _newer(before: Mapping[str, Review], found: Mapping[str, Review]) -> dict[str, Review]:
    """The reviews of before, and what was said of a node since."""
    since = {
        node: review
        for node, review in found.items()
        if node not in before or review.created_at >= before[node].created_at
    }
    return {**before, **since}
