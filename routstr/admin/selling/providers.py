"""Providers at work, for the operator: how each fares, its keys, a try, asking it again."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from msgspec import Struct, structs

from routstr.admin.desk import ProviderDesk
from routstr.admin.overview.statistics import Statistics
from routstr.admin.schemas import ProviderAnswer
from routstr.admin.selling.models import ModelDesk
from routstr.admin.selling.servers import Servers
from routstr.admin.selling.trial import Tried
from routstr.core.clock import Clock
from routstr.core.secret import Secret
from routstr.errors import ProviderInvalid
from routstr.ledger.usage import NOTHING, Figures
from routstr.upstream.breaker import State
from routstr.upstream.carrier import Carrier
from routstr.upstream.fleet import Fleet

USAGE_HOURS: Final = 24 * 30
KEYS_TRIED_MAX: Final = 5


class KeyHealth(Struct, frozen=True):
    """One key, by its number from 1. ``resting_seconds`` 0: it is in use."""

    number: int
    resting_seconds: int
    refused: bool


class Health(Struct, frozen=True):
    """How a provider has fared with this process. Times in seconds.

    ``since`` (ms since 1970) is when it was left alone first; ``last_failure`` a code of the
    errors; ``p50_seconds`` is of the newest answers, None before the first.
    """

    connected: bool
    state: State = "closed"
    since: int | None = None
    resting_seconds: int = 0
    failures_in_a_row: int = 0
    answered: int = 0
    failed: int = 0
    failed_at: int | None = None
    last_failure: str | None = None
    p50_seconds: float | None = None
    keys: tuple[KeyHealth, ...] = ()

    @property
    def keys_resting(self) -> int:
        """How many keys are not in use."""
        return sum(1 for key in self.keys if key.resting_seconds)


class Shown(Struct, frozen=True):
    """A provider with everything about it. ``usage`` is that of the last thirty days.

    ``version`` grows with every change; None: not looked for.
    """

    provider: ProviderAnswer
    health: Health
    usage: Figures
    models: int
    version: int | None = None


class KeyTried(Struct, frozen=True):
    """What came of a question that was asked with one key."""

    number: int
    tried: Tried


class Probe(Struct, frozen=True):
    """A look at a provider: its list (``models`` None: it has none), one question for each key.

    ``model`` is who was asked; empty when it serves none.
    """

    listed: Tried
    models: int | None
    model: str
    keys: tuple[KeyTried, ...]


@dataclass(frozen=True, slots=True)
class ProviderBoard:
    """Shows providers and tries them; adding and changing them is ``desk``'s."""

    desk: ProviderDesk
    servers: Servers
    fleet: Fleet
    statistics: Statistics
    models: ModelDesk
    clock: Clock

    async def every(self) -> list[Shown]:
        """All providers, those of the settings first."""
        usage = await self._usage()
        return [self._shown(one, usage) for one in await self.desk.every()]

    async def one(self, which: str) -> Shown:
        """One by id or slug. Raises ``ProviderNotFound``."""
        found = self._shown(await self.desk.one(which), await self._usage())
        if found.provider.locked:
            return found
        stored = await self.servers.providers.get(which)
        return structs.replace(found, version=stored.updated_at)

    async def reset(self, which: str) -> Health:
        """Ask a provider again at once, with all of its keys. Of this process only."""
        name = await self.servers.name_of(which)
        carrier = self.fleet.carriers.get(name)
        if carrier is None:
            raise ProviderInvalid("It is switched off.", details={"param": "provider"})
        carrier.reset()
        return self._health(name)

    async def add_key(self, which: str, key: Secret) -> ProviderAnswer:
        """Use another key as well. Raises ``ProviderInvalid``."""
        await self._refuse_own(which)
        if not key.reveal().strip():
            raise ProviderInvalid("There is no key in it.", details={"param": "api_key"})
        await self.servers.providers.change_keys(which, lambda keys: (*keys, key))
        await self.desk.look()
        return await self.desk.one(which)

    async def remove_key(self, which: str, number: int, version: int) -> ProviderAnswer:
        """Use a key no more. ``version`` is that of the provider that was looked at.

        Raises ``ProviderInvalid`` when there is no such key, or when they may be others by now.
        """
        await self._refuse_own(which)

        def without(keys: tuple[Secret, ...]) -> tuple[Secret, ...]:
            if not 1 <= number <= len(keys):
                raise ProviderInvalid("There is no such key.", details={"param": "key"})
            return keys[: number - 1] + keys[number:]

        await self.servers.providers.change_keys(which, without, seen=version)
        await self.desk.look()
        return await self.desk.one(which)

    async def probe(self, which: str) -> Probe:
        """Look at its list, and ask the cheapest of its models a word with each key."""
        profile = await self.servers.profile(which)
        trial = self.models.trial
        listed = await trial.models(profile)
        model = self._cheapest(profile.name)
        if model is None:
            return Probe(listed, listed.data, "", ())
        row = self.models.one(profile.name, model)
        asked = row.stocked.spec.forwarded_model_id or row.id
        numbers = range(min(max(1, len(profile.keys)), KEYS_TRIED_MAX))
        tried = await asyncio.gather(
            *(trial.ask(profile, asked, entry=row.entry, key=number) for number in numbers)
        )
        keys = tuple(KeyTried(number, one) for number, one in enumerate(tried, 1))
        return Probe(listed, listed.data, row.sold_as, keys)

    def _cheapest(self, provider: str) -> str | None:
        """The model that is asked: words, and little of them, for as little as can be."""
        rows = [
            row
            for row in self.models.all_of(provider)
            if row.entry is not None and row.entry.rates.completion
        ]
        best = min(rows, key=lambda row: row.output or 0, default=None)
        return None if best is None else best.id

    async def _usage(self) -> Mapping[str, Figures]:
        found = await self.statistics.earned(self.statistics.last(USAGE_HOURS), ("provider",))
        return {group.provider: figures for group, figures in found.groups.items()}

    def _shown(self, one: ProviderAnswer, usage: Mapping[str, Figures]) -> Shown:
        return Shown(
            one,
            self._health(one.slug),
            usage.get(one.slug, NOTHING),
            len(self.models.lists.stock.get(one.slug, ())),
        )

    def _health(self, name: str) -> Health:
        carrier = self.fleet.carriers.get(name)
        if carrier is None:
            return Health(connected=False)
        return _told(carrier, asyncio.get_running_loop().time(), self.clock.now_ms())

    async def _refuse_own(self, which: str) -> None:
        if any(which in {one.name, str(one.id)} for one in self.servers.own):
            raise ProviderInvalid(
                "This provider is that of UPSTREAM_BASE_URL: change it there.",
                details={"param": "provider"},
            )


def _told(carrier: Carrier, now: float, now_ms: int) -> Health:
    breaker, pace = carrier.breaker, carrier.pace

    def moment(at: float | None) -> int | None:
        return None if at is None else now_ms - int((now - at) * 1_000)

    keys = carrier.lines if carrier.profile.keys else ()
    return Health(
        connected=True,
        state=breaker.state(now),
        since=moment(breaker.opened_at),
        resting_seconds=-int(-breaker.rest_s(now) // 1),
        failures_in_a_row=breaker.failures,
        answered=pace.answered,
        failed=pace.failed,
        failed_at=moment(pace.failed_at),
        last_failure=carrier.last_problem,
        p50_seconds=pace.p50_s,
        keys=tuple(
            KeyHealth(
                line.number,
                0 if line.awake(now, "") else -int((now - max(line.rests.values())) // 1),
                line.refused,
            )
            for line in keys
        ),
    )
