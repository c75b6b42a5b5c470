"""Keeps what relays hold about this node right: announced, changed, withdrawn, or nothing.

::

    key? ── no ──> nothing is said            lease? ── another instance's ──> nothing is done
      └─ look (at start, daily, after a change, when asked): what do relays hold under our key?
           ├─ the same as what we say ──> given as it is to relays that lack it
           ├─ something else, nothing ──> signed anew, dated after all that it replaces
           └─ withdrawn ──> an announcement without addresses and a wish to delete, where held
    every turn: what a relay has not taken is tried again when its rest is over
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final

import msgspec

from routstr.core.addresses import relay_url
from routstr.core.clock import Clock
from routstr.core.db import Database
from routstr.core.logging import get_logger
from routstr.core.node_key import SealBroken
from routstr.core.settings import Settings
from routstr.discovery import store
from routstr.discovery.announcement import (
    ANNOUNCEMENT,
    Facts,
    announcement,
    choose_provider,
    next_moment,
    withdrawal,
    writing_relays,
)
from routstr.discovery.events import DELETION, RELAY_LIST, Draft, Event, Filter, newest
from routstr.discovery.identity import Identity, InvalidKey
from routstr.discovery.keyring import Keyring
from routstr.discovery.lease import Lease
from routstr.discovery.outbox import Outbox
from routstr.discovery.relays import RelayPool, rest_seconds
from routstr.discovery.report import RelayReport, Report, Stand

TURN_SECONDS: Final = 2.0
LOOK_SECONDS: Final = 86_400.0
OWN_RELAYS_MAX: Final = 8
_OWN_EVENTS_MAX: Final = 200
_log = get_logger(__name__)

Held = Mapping[str, Sequence[Event]]


class Announcer:
    """One turn after the other; only one instance on the database publishes."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        keyring: Keyring,
        pool: RelayPool,
        facts: Callable[[], Facts],
        lease: Lease,
        settings: Settings,
    ) -> None:
        """``facts`` tells what is announced, as it is now."""
        self._db: Final = db
        self._clock: Final = clock
        self._keyring: Final = keyring
        self.pool: Final = pool
        self.outbox: Final = Outbox(pool)
        self.facts: Final = facts
        self._lease: Final = lease
        self._provider_id: Final = settings.provider_id
        self._allow_insecure: Final = settings.allow_insecure_mints
        self._settled: object = None  # what the last look was for
        self._look_at = 0.0
        self._fruitless = 0
        self._said: set[str] = set()
        self._own: frozenset[str] = frozenset()
        self._report = Report(Stand.NO_KEY)
        self._kept = b""

    async def run(self) -> None:
        """One turn. Raises what the database raises."""
        values = await self._keyring.look()
        try:
            me = await self._keyring.identity(values)
        except (SealBroken, InvalidKey) as error:
            _log.error("nostr_key_unusable", reason=str(error))
            await self._keep(Report(Stand.BROKEN_KEY))
            return
        idle = me is None and store.FAREWELLS not in values and self.outbox.empty
        if idle or not await self._lease.held():
            self._settled = None
            return
        if self._kept and (kept := values.get(store.REPORT)) and kept.value != self._kept:
            self._settled = None  # somebody else has published meanwhile, perhaps something else
        await self._say_farewells(values)
        if me is not None:
            await self._turn(me, values)
        await self.outbox.run()
        await self._keep(self._now())

    def provider_of(self, values: store.Values, pubkey: str) -> str:
        """The name under which it is announced; empty: none was chosen yet."""
        return self._provider_id or store.provider_of(values, pubkey)

    async def _turn(self, me: Identity, values: store.Values) -> None:
        facts, asked = self.facts(), values.get(store.ASKED)
        withdrawn = store.WITHDRAWN in values
        wanted = (me.pubkey, facts, withdrawn, asked and asked.value, self._provider_id)
        known = wanted == self._settled
        if known and self._clock.monotonic() < self._look_at:
            return
        stand = self._hindrance(facts, withdrawn=withdrawn)
        if stand is not None:
            self._put()
            self._report = Report(stand, me.npub)
            self._settled, self._look_at = wanted, self._clock.monotonic() + LOOK_SECONDS
            return
        if not known:
            self._fruitless = 0
        done = await self._look(me, facts, values, withdrawn=withdrawn)
        self._settled = wanted
        self._fruitless = 0 if done else self._fruitless + 1
        pause = LOOK_SECONDS if done else rest_seconds(self._fruitless - 1)
        self._look_at = self._clock.monotonic() + pause

    def _hindrance(self, facts: Facts, *, withdrawn: bool) -> Stand | None:
        if not self.pool.urls:
            return Stand.NO_RELAY
        return None if facts.urls or withdrawn else Stand.NO_ADDRESS

    async def _look(
        self, me: Identity, facts: Facts, values: store.Values, *, withdrawn: bool
    ) -> bool:
        """See what relays hold, and put right what is not; false: none could be asked."""
        held = await self.pool.query_each(_own_events(me.pubkey))
        if not held:
            self._report = msgspec.structs.replace(self._report, stand=Stand.WAITING, npub=me.npub)
            return False
        seen = [event for events in held.values() for event in events]
        self._add_relays(seen, me.pubkey)
        provider = await self._provider(me, facts, seen, values)
        if withdrawn:
            event = self._withdraw(me, provider, held, seen)
        else:
            event = self._announce(me, announcement(facts, provider), held, seen)
        self._report = Report(
            Stand.WITHDRAWN if withdrawn else Stand.WAITING,
            me.npub,
            provider,
            event,
            looked_at=self._clock.now_ms(),
        )
        return True

    def _announce(self, me: Identity, draft: Draft, held: Held, seen: Sequence[Event]) -> Event:
        """Let every relay have it: the one that is out there if it is right, else a new one."""
        address = f"{ANNOUNCEMENT}:{me.pubkey}:{draft.identifier}"
        event = newest(seen).get(address)
        gone = [one for one in seen if one.kind == DELETION and address in one.values("a")]
        if event is None or not event.says(draft) or _is_gone(event, gone):
            replaced = [one for one in seen if one.address == address]
            event = me.sign(draft, next_moment(self._now_s(), [*replaced, *gone]))
            _log.info("nostr_announcing", provider=draft.identifier, id=event.id)
        self._put((event, [url for url in self.pool.urls if event not in held.get(url, ())]))
        return event

    def _withdraw(
        self, me: Identity, provider: str, held: Held, seen: Sequence[Event]
    ) -> Event | None:
        """Take it back where it is, and where nobody knows."""
        drafts = withdrawal(me.pubkey, provider)
        address = f"{ANNOUNCEMENT}:{me.pubkey}:{provider}"
        ours = [event for event in seen if event.address == address]
        rest = [
            url
            for url in self.pool.urls
            if url not in held
            or any(one.address == address and one.values("u") for one in held[url])
        ]
        if not any(event.values("u") for event in ours):
            self._put()
            return newest(ours).get(address)
        at = next_moment(self._now_s(), ours)
        empty, deletion = (me.sign(draft, at) for draft in drafts)
        self._put((empty, rest), (deletion, rest))
        _log.info("nostr_withdrawing", provider=provider)
        return empty

    def _put(self, *wanted: tuple[Event, Sequence[str]]) -> None:
        """Publish these instead of what an earlier look has left to publish."""
        for address in self._said:
            self.outbox.drop(address)
        for event, urls in wanted:
            self.outbox.put(event, urls)
        self._said = {event.address for event, _ in wanted}

    async def _provider(
        self, me: Identity, facts: Facts, seen: Sequence[Event], values: store.Values
    ) -> str:
        known = self.provider_of(values, me.pubkey)
        if known:
            return known
        chosen, at = choose_provider(seen, facts, me.pubkey), self._clock.now_ms()
        return await self._db.write(lambda tx: store.remember_provider(tx, me.pubkey, chosen, at))

    def _add_relays(self, seen: Sequence[Event], pubkey: str) -> None:
        """Publish also where the owner of the key does (NIP-65), a few of them."""
        own: list[str] = []
        for text in writing_relays(seen, pubkey):
            with suppress(ValueError):
                own.append(relay_url(text, allow_insecure=self._allow_insecure))
        new = [url for url in dict.fromkeys(own) if url not in self.pool.urls]
        added = new[: OWN_RELAYS_MAX - len(self._own)]
        self.pool.add(added)
        self._own |= frozenset(added)

    async def _say_farewells(self, values: store.Values) -> None:
        """Publish what keys that were given up left to say."""
        kept = values.get(store.FAREWELLS)
        if kept is None:
            return
        for event in msgspec.json.decode(kept.value, type=list[Event]):
            self.outbox.put(event, self.pool.urls)
        await self._db.write(lambda tx: store.drop(tx, store.FAREWELLS))

    def _now(self) -> Report:
        """The report as of now: who has taken what since the last look."""
        report = self._report
        lacking = self.outbox.lacking(report.event.address) if report.event else frozenset()
        relays = tuple(
            RelayReport(
                state, report.event is not None and state.url not in lacking, state.url in self._own
            )
            for state in self.pool.states()
        )
        stand = report.stand
        if stand is Stand.WAITING and any(relay.holds for relay in relays):
            stand = Stand.ANNOUNCED
        return msgspec.structs.replace(report, stand=stand, relays=relays)

    async def _keep(self, report: Report) -> None:
        encoded, at = report.encode(), self._clock.now_ms()
        if encoded != self._kept:
            await self._db.write(lambda tx: store.put(tx, store.REPORT, encoded, at))
            self._kept = encoded

    def _now_s(self) -> int:
        return self._clock.now_ms() // 1_000


def _own_events(pubkey: str) -> list[Filter]:
    """What a key has announced, deleted, and its list of relays."""
    own = (pubkey,)
    return [
        Filter(kinds=(ANNOUNCEMENT, RELAY_LIST), authors=own, limit=_OWN_EVENTS_MAX),
        Filter(kinds=(DELETION,), authors=own, limit=_OWN_EVENTS_MAX),
    ]


def _is_gone(event: Event, deletions: Sequence[Event]) -> bool:
    return any(one.created_at >= event.created_at for one in deletions)
