"""All relays that the node speaks to, how each fares, and when it is asked again."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, TypeVar

from aiohttp import ClientSession
from msgspec import Struct, structs

from routstr.core.clock import Clock
from routstr.core.logging import get_logger
from routstr.discovery.events import Event, Filter
from routstr.discovery.relay import Answer, Relay, RelayFailed

PUBLISH_SECONDS: Final = 10.0
QUERY_SECONDS: Final = 5.0
TOR_SECONDS: Final = 30.0
FIRST_REST_SECONDS: Final = 5.0
REST_SECONDS_MAX: Final = 900.0
_JITTER: Final = 0.2
_DOUBLINGS_MAX: Final = 8

_T = TypeVar("_T")
_log = get_logger(__name__)


class RelayState(Struct, frozen=True):
    """How a relay fares; times in ms since 1970. No ``error``: the last thing went well."""

    url: str
    last_ok_ms: int | None = None
    last_error_ms: int | None = None
    error: str = ""
    failures: int = 0
    """In a row."""
    retry_at_ms: int = 0
    """It is left alone until then."""


class RelayPool:
    """Publishes to many relays and reads from them, side by side; one that fails is left alone.

    A relay rests 5 s after a failure, then twice as long each time, at most 15 minutes.
    """

    def __init__(self, urls: Sequence[str], session: ClientSession, clock: Clock) -> None:
        """``session`` connects to public addresses only (``outgoing_session``)."""
        self._session: Final = session
        self._clock: Final = clock
        self._relays: Final[dict[str, Relay]] = {}
        self._states: Final[dict[str, RelayState]] = {}
        self.add(urls)

    @property
    def urls(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(self._relays)

    def add(self, urls: Sequence[str]) -> None:
        """Speak to these, too; each is one of :func:`routstr.discovery.relay.relay_url`."""
        for url in urls:
            if url not in self._relays:
                self._relays[url] = Relay(url, self._session)
                self._states[url] = RelayState(url)

    def states(self) -> tuple[RelayState, ...]:
        """How each fares."""
        return tuple(self._states.values())

    def ready(self, url: str) -> bool:
        """Whether it is not left alone now."""
        return self._clock.now_ms() >= self._states[url].retry_at_ms

    async def publish(
        self, event: Event, urls: Sequence[str] | None = None, *, limit_s: float = PUBLISH_SECONDS
    ) -> dict[str, Answer]:
        """Give an event to these relays, or all, and wait for each one's OK; never raises.

        Resting ones are asked, too: whoever repeats by itself asks :meth:`ready` before.
        """

        async def give(relay: Relay) -> Answer:
            answer = await relay.publish(event, _limit(relay, limit_s))
            if not answer.taken:
                raise RelayFailed(answer.reason or "it refused")
            return answer

        found = await self._each(self._relays if urls is None else urls, give)
        return {
            url: Answer(taken=False, reason=str(one)) if isinstance(one, RelayFailed) else one
            for url, one in found.items()
        }

    async def query(
        self, filters: Sequence[Filter], *, limit_s: float = QUERY_SECONDS
    ) -> list[Event]:
        """What all relays hold of it, each event once, signatures checked; never raises."""
        held = await self.query_each(filters, limit_s=limit_s)
        return list({event.id: event for events in held.values() for event in events}.values())

    async def query_each(
        self, filters: Sequence[Filter], *, limit_s: float = QUERY_SECONDS
    ) -> dict[str, list[Event]]:
        """What each relay holds of it; one that could not be asked is missing."""

        async def ask(relay: Relay) -> list[Event]:
            return await relay.query(filters, _limit(relay, limit_s))

        found = await self._each(self._relays, ask)
        return {url: one for url, one in found.items() if not isinstance(one, RelayFailed)}

    async def _each(
        self, urls: Sequence[str] | Mapping[str, Relay], do: Callable[[Relay], Awaitable[_T]]
    ) -> dict[str, "_T | RelayFailed"]:
        async def one(url: str) -> "_T | RelayFailed":
            try:
                done = await do(self._relays[url])
            except RelayFailed as error:
                self._note_failure(url, str(error))
                return error
            self._note_ok(url)
            return done

        names = list(urls)
        return dict(zip(names, await asyncio.gather(*map(one, names)), strict=True))

    def _note_ok(self, url: str) -> None:
        self._states[url] = RelayState(url, self._clock.now_ms(), self._states[url].last_error_ms)

    def _note_failure(self, url: str, error: str) -> None:
        state, now = self._states[url], self._clock.now_ms()
        self._states[url] = structs.replace(
            state,
            last_error_ms=now,
            error=error,
            failures=state.failures + 1,
            retry_at_ms=now + round(1_000 * rest_seconds(state.failures)),
        )
        _log.info("relay_failed", relay=url, reason=error, failures=state.failures + 1)


def _limit(relay: Relay, limit_s: float) -> float:
    """Through Tor, a connection alone takes its time."""
    return limit_s + TOR_SECONDS if relay.is_onion else limit_s


def rest_seconds(failures_before: int) -> float:
    """How long a relay is left alone: 5, 10, 20, ... 900 s, give or take a fifth."""
    rest: float = min(
        FIRST_REST_SECONDS * 2 ** min(failures_before, _DOUBLINGS_MAX), REST_SECONDS_MAX
    )
    return rest * (1 + random.uniform(-_JITTER, _JITTER))  # noqa: S311 - not a secret
