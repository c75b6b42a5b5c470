"""Lists of models and prices that others publish, read again and again, never for a request.

::

    due ──read──> good: kept, due again after the interval; a price that leaps is not believed
         └─fails─> the last good one stays, due again after 5, 10, 20, ... seconds, at most
                   the interval; older than ``age_s_max`` it is dropped

After every change the sources are made anew: each provider's list, the public prices, the
operator's file and what the operator has stored (:mod:`routstr.catalog.overlay`). What a dropped
list alone has sold or priced is sold no more; what the operator prices stays.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeAlias

from routstr.catalog.models_file import ModelSpec
from routstr.catalog.overlay import Stocked, combine
from routstr.catalog.overrides import Entry
from routstr.catalog.price_jumps import Jump, believed
from routstr.catalog.price_list import ListUnusable, PriceIndex, parse_list
from routstr.catalog.sources import Source
from routstr.core.clock import Clock
from routstr.core.logging import get_logger
from routstr.payment.price_sources import SourceFailed

LIST_BYTES_MAX: Final = 16 * 1024**2
FIRST_RETRY_S: Final = 5.0
_DOUBLINGS_MAX: Final = 16
_SHOWN: Final = 20
_NOTHING_STORED: Final[Mapping[str, Entry]] = MappingProxyType({})

Read: TypeAlias = Callable[[], Awaitable[bytes]]
"""Reads one list once; raises :class:`SourceFailed`."""
_Models: TypeAlias = tuple[ModelSpec, ...]

_log: Final = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Listing:
    """A provider whose models are sold; ``read`` None: only those of the file.

    ``id`` is that of a stored provider, 0 that of the settings'.
    """

    provider: str
    fee: Decimal
    priority: int = 0
    rule: str = ""
    read: Read | None = None
    id: int = 0


@dataclass(frozen=True, slots=True)
class ListPolicy:
    """MODELS_REFRESH_INTERVAL_SECONDS, MODELS_AGE_SECONDS_MAX, PRICE_JUMP_LIMIT."""

    interval_s: float = 360
    age_s_max: float = 86_400
    timeout_s: float = 30
    jump_limit: int = 10


class _Part(NamedTuple):
    """A provider, its entries of the file, its own list, and what the operator has stored."""

    listing: Listing
    file: Sequence[Mapping[str, Any]]
    own: _Models
    stored: Mapping[str, Entry]


class _Kept:
    """One list: the last good one, and when it is to be read again (seconds, monotonic).

    ``jumps`` are prices that the list says and that are not believed.
    """

    __slots__ = ("due", "failures", "jumps", "models", "name", "read", "read_at")

    def __init__(self, name: str, read: Read, now: float) -> None:
        self.name: Final = name
        self.read: Final = read
        self.models: tuple[ModelSpec, ...] = ()
        self.jumps: tuple[Jump, ...] = ()
        self.read_at = now
        self.due = now
        self.failures = 0


class PriceLists:
    """Keeps what is sold up to date: hands sources to ``publish`` whenever they change.

    ``file`` are the entries of the operator's file; those without a ``provider`` belong to the
    first one. ``public`` reads OpenRouter's list, None where it is not used.
    """

    def __init__(
        self,
        publish: Callable[[Sequence[Source]], Awaitable[None]],
        clock: Clock,
        policy: ListPolicy,
        file: Sequence[Mapping[str, Any]] = (),
        public: Read | None = None,
    ) -> None:
        self._publish: Final = publish
        self._clock: Final = clock
        self._policy: Final = policy
        self._file: Final = tuple(file)
        self._public = None if public is None else _Kept("openrouter", public, clock.monotonic())
        self._own: dict[str, _Kept] = {}
        self._earlier: dict[str, _Kept] = {}
        self._listings: tuple[Listing, ...] = ()
        self._published: tuple[Source, ...] | None = None
        self._stored: Mapping[int, Mapping[str, Entry]] = {}
        self.stock: Mapping[str, tuple[Stocked, ...]] = {}
        """All models by their provider, those that are not sold too."""
        self._renewing: Final = asyncio.Lock()

    @property
    def kept(self) -> tuple[_Kept, ...]:
        """The lists that are read."""
        return (*(() if self._public is None else (self._public,)), *self._own.values())

    def jumps(self) -> Mapping[str, Sequence[Jump]]:
        """Prices that are not believed, by the list that says them."""
        return {kept.name: kept.jumps for kept in self.kept if kept.jumps}

    def remember(self, other: "PriceLists") -> None:
        """Sell what another's lists say until they are read; to be called first of all."""
        self._earlier |= {kept.name: kept for kept in other.kept}
        if self._public is not None:
            self._recall(self._public)

    def _recall(self, kept: _Kept) -> _Kept:
        earlier = self._earlier.pop(kept.name, None)
        if earlier is not None:
            kept.models, kept.read_at = earlier.models, earlier.read_at
        return kept

    async def set_providers(self, listings: Sequence[Listing]) -> None:
        """Sell what these offer from now on; lists of those that stay as they are are kept."""
        now = self._clock.monotonic()
        known = {one.provider: one for one in self._listings}
        own: dict[str, _Kept] = {}
        for one in listings:
            if one.read is None:
                continue
            before = known.get(one.provider)
            same = before is not None and before.read == one.read
            own[one.provider] = (
                self._own[one.provider]
                if same
                else self._recall(_Kept(one.provider, one.read, now))
            )
        self._own, self._listings = own, tuple(listings)
        await self._renew()

    async def set_stored(self, stored: Mapping[int, Mapping[str, Entry]]) -> None:
        """Lay what the operator has stored over everything: by provider and lower-case id."""
        self._stored = stored
        if self._listings:
            await self._renew()

    async def refresh(self) -> None:
        """Read the lists that are due, drop those that are too old; never raises for a list."""
        now = self._clock.monotonic()
        lists = self.kept
        due = [kept for kept in lists if kept.due <= now]
        changed = any(await asyncio.gather(*map(self._read, due)))
        for kept in lists:
            if kept.models and self._clock.monotonic() - kept.read_at >= self._policy.age_s_max:
                _log.error("model_list_too_old", list=kept.name)
                kept.models, kept.jumps = (), ()
                changed = True
        if changed:
            await self._renew()

    async def _read(self, kept: _Kept) -> bool:
        """Whether the list says something else now."""
        began = self._clock.monotonic()
        try:
            async with asyncio.timeout(self._policy.timeout_s):
                text = await kept.read()
            models = await asyncio.to_thread(parse_list, text)
        except (SourceFailed, ListUnusable, TimeoutError) as failure:
            pause = FIRST_RETRY_S * 2 ** min(kept.failures, _DOUBLINGS_MAX)
            kept.failures += 1
            kept.due = self._clock.monotonic() + min(pause, self._policy.interval_s)
            reason = str(failure) or f"no answer within {self._policy.timeout_s} s"
            _log.warning("model_list_failed", list=kept.name, reason=reason)
            return False
        kept.failures = 0
        kept.read_at, kept.due = began, self._clock.monotonic() + self._policy.interval_s
        models, jumps = believed(kept.models, models, self._policy.jump_limit)
        if jumps != kept.jumps:
            told = [str(jump) for jump in jumps[:_SHOWN]]
            _log.warning("price_jumps_not_believed", list=kept.name, count=len(jumps), prices=told)
        changed = models != kept.models
        kept.models, kept.jumps = models, jumps
        return changed

    async def _renew(self) -> None:
        """Publish what is sold now, one change after the other."""
        async with self._renewing:
            public = self._public.models if self._public else ()
            sources, stock = await asyncio.to_thread(_combined, self._parts(), public)
            if sources == self._published:
                self.stock = stock
                return
            try:
                await self._publish(sources)
            except ValueError as error:
                _log.error("sources_refused", reason=str(error))
                return
            self._published, self.stock = sources, stock

    def _parts(self) -> tuple[_Part, ...]:
        """Each provider and what is known of its models."""
        first = self._listings[0].provider if self._listings else None
        return tuple(
            _Part(
                one,
                [entry for entry in self._file if entry.get("provider", first) == one.provider],
                self._own[one.provider].models if one.provider in self._own else (),
                self._stored.get(one.id, _NOTHING_STORED),
            )
            for one in self._listings
        )


def _combined(
    parts: Sequence[_Part], public: _Models
) -> tuple[tuple[Source, ...], dict[str, tuple[Stocked, ...]]]:
    prices = PriceIndex(public)
    sources: list[Source] = []
    stock: dict[str, tuple[Stocked, ...]] = {}
    left_out: list[str] = []
    for part in parts:
        one, combined = part.listing, combine(part.file, part.own, prices, part.stored)
        left_out += combined.left_out
        stock[one.provider] = combined.stock
        sources.append(Source(one.provider, one.fee, one.priority, combined.models, one.rule))
    if left_out:
        _log.info("models_left_out", count=len(left_out), models=left_out[:_SHOWN])
    return tuple(sources), stock
