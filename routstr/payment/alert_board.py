"""What is wrong with the node: kept for all instances, shown on its pages, sent to its operator.

Two sorts of alarms come here. *Conditions* are looked at again and again by every instance: one
lasts as long as any instance sees it. *Events* are raised by whoever notices them: they last until
they are cleared, by the code or by the operator.
"""

import asyncio
from collections.abc import Collection, Sequence
from functools import partial
from typing import Final, Protocol

from msgspec import Struct

from routstr.core.clock import Clock
from routstr.core.db import Database
from routstr.payment import alert_store
from routstr.payment.alert_store import Alarm, Alert
from routstr.payment.alerts import Alert as AlertPort
from routstr.payment.alerts import LoggedAlert

UNSEEN_MS: Final = 90_000
"""A condition is over when no instance has seen it for so long."""
RETRY_SECONDS: Final = 60.0
_SUBJECTS: Final = ("mint", "provider")
_EVENTS_MAX: Final = 1_000  # kept while the database is away


class Sender(Protocol):
    """Tells the operator, wherever that is."""

    async def send(self, alert: Alert) -> bool:
        """Tell it; false: nobody could be told."""
        ...


class _Event(Struct, frozen=True):
    name: str
    subject: str | None
    alarm: Alarm | None  # None: it is over


class AlertBoard:
    """The port :class:`routstr.payment.alerts.Alert`, and what keeps and sends the alerts."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        conditions: Collection[str],
        sender: Sender | None = None,
        log: AlertPort | None = None,
    ) -> None:
        """``conditions``: names that end by themselves when nobody sees them."""
        self._db: Final = db
        self._clock: Final = clock
        self._conditions: Final = frozenset(conditions)
        self._sender: Final = sender
        self._log: Final = log or LoggedAlert()
        self._events: list[_Event] = []
        self._retry_at = 0.0
        self._turn: Final = asyncio.Lock()

    def raised(self, name: str, **facts: object) -> None:
        """See :class:`routstr.payment.alerts.Alert`. Costs no time; it is stored soon."""
        self._log.raised(name, **facts)
        subject = next((str(facts[key]) for key in _SUBJECTS if key in facts), "")
        plain = {key: _plain(value) for key, value in facts.items() if key not in _SUBJECTS}
        self._add(_Event(name, subject, Alarm(name, subject, plain)))

    def cleared(self, name: str, **facts: object) -> None:
        """See :class:`routstr.payment.alerts.Alert`."""
        self._log.cleared(name, **facts)
        subject = next((str(facts[key]) for key in _SUBJECTS if key in facts), None)
        self._add(_Event(name, subject, None))

    def _add(self, event: _Event) -> None:
        if len(self._events) < _EVENTS_MAX:
            self._events.append(event)

    async def active(self) -> list[Alert]:
        """What is wrong now, the newest first."""
        return await self._db.read(alert_store.active)

    async def dismiss(self, name: str, subject: str) -> None:
        """The operator has dealt with it."""
        at = self._clock.now_ms()
        await self._db.write(partial(alert_store.end, name=name, subject=subject, at=at))

    async def keep(self, seen: Sequence[Alarm] = ()) -> None:
        """Store what happened and the conditions that are seen now; end and send what is due."""
        async with self._turn:
            await self._store(seen)
            if self._sender is not None and self._clock.monotonic() >= self._retry_at:
                await self._send(self._sender)

    async def _store(self, seen: Sequence[Alarm]) -> None:
        at = self._clock.now_ms()
        events, self._events = self._events, []
        try:
            for event in events:
                if event.alarm is not None:
                    await self._db.write(partial(alert_store.note, alarms=[event.alarm], at=at))
                else:
                    await self._db.write(
                        partial(alert_store.end, name=event.name, subject=event.subject, at=at)
                    )
        except BaseException:
            self._events = [*events, *self._events]
            raise
        if seen:
            await self._db.write(partial(alert_store.note, alarms=seen, at=at))
        if any(one.name in self._conditions for one in await self.active()):
            before = at - UNSEEN_MS
            await self._db.write(
                partial(alert_store.end_unseen, names=self._conditions, before=before, at=at)
            )

    async def _send(self, sender: Sender) -> None:
        at = self._clock.now_ms()
        for alert in await self._db.read(partial(alert_store.due, at=at)):
            if not await self._db.write(partial(alert_store.claim, alert=alert, at=at)):
                continue
            if not await sender.send(alert):
                self._retry_at = self._clock.monotonic() + RETRY_SECONDS
                await self._db.write(partial(alert_store.give_up, alert=alert))
                return


def _plain(value: object) -> object:
    """As JSON has it."""
    if isinstance(value, (tuple, list)):
        return [_plain(one) for one in value]
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(value)
