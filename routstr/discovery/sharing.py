"""Publishes the sums of :mod:`routstr.discovery.analytics`, when they have changed."""

from functools import partial
from typing import Final

from sqlalchemy import Connection

from routstr.core.clock import Clock
from routstr.core.db import Database
from routstr.core.node_key import SealBroken
from routstr.discovery import store
from routstr.discovery.analytics import WINDOWS, Sums, by_step, snapshot
from routstr.discovery.announcement import next_moment
from routstr.discovery.announcer import Announcer
from routstr.discovery.identity import InvalidKey
from routstr.discovery.keyring import Keyring
from routstr.discovery.lease import Lease
from routstr.ledger.usage import DAY, HOUR, usage

TURN_SECONDS: Final = 60.0
PAUSE_SECONDS: Final = 900.0


class Sharing:
    """One turn after the other, beside an :class:`Announcer`, whose outbox it uses."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        keyring: Keyring,
        lease: Lease,
        announcer: Announcer,
    ) -> None:
        self._db: Final = db
        self._clock: Final = clock
        self._keyring: Final = keyring
        self._lease: Final = lease
        self._announcer: Final = announcer
        self._due = 0.0
        self._said = ""
        self._last_s = 0

    async def run(self) -> None:
        """Publish, if it is time and something is new. Raises what the database raises."""
        if self._clock.monotonic() < self._due:
            return
        values, facts = await self._keyring.look(), self._announcer.facts()
        if store.WITHDRAWN in values or not facts.urls:
            return
        try:
            me = await self._keyring.identity(values)
        except (SealBroken, InvalidKey):  # the announcer tells
            return
        provider = "" if me is None else self._announcer.provider_of(values, me.pubkey)
        if me is None or not provider or not await self._lease.held():
            return
        now = self._clock.now_ms()
        sums = await self._db.read(partial(read, now=now))
        draft, digest = snapshot(facts, provider, me, sums, now)
        self._due = self._clock.monotonic() + PAUSE_SECONDS
        if digest != self._said:
            self._last_s = max(next_moment(now // 1_000, ()), self._last_s + 1)
            self._announcer.outbox.put(me.sign(draft, self._last_s), self._announcer.pool.urls)
            self._said = digest


def read(connection: Connection, *, now: int) -> Sums:
    """The sums of now, from what is added up by the hour and the day."""
    steps = {}
    for window in WINDOWS:
        span = DAY if window.step >= DAY else HOUR
        until = now // span * span + span
        since = until - window.length
        found = usage(connection, since, until, ("start",), span=span)
        steps[window.name] = by_step(found.groups, window.step)
    until = now // HOUR * HOUR + HOUR
    models = usage(connection, until - DAY, until, ("model",))
    named = {group.model or "other": figures for group, figures in models.groups.items()}
    return Sums(until - DAY, until, named, steps)
