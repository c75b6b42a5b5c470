"""A conversation with a real WebSocket on the provider's side and plain ASGI on the client's."""

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

import msgspec
from starlette.types import Message

from devkit.upstream import Upstream
from devkit.upstream.realtime import PAUSE, Script, realtime
from routstr.catalog.build import build_snapshot
from routstr.catalog.models_file import ModelSpec, TopProvider, UsdPricing
from routstr.catalog.rates import PricePolicy
from routstr.core.clock import SystemClock
from routstr.core.cors import Cors
from routstr.core.middleware import RequestLimits
from routstr.payment.demand import Demands
from routstr.payment.pricing import QuotePolicy
from routstr.proxy.hot import Serve, Surroundings, Upload
from routstr.proxy.limits.gate import Gate
from routstr.proxy.limits.routes import guarded
from routstr.proxy.realtime.endpoint import RealtimeEndpoint, RealtimeParts
from routstr.proxy.realtime.route import RealtimeRoute
from routstr.proxy.realtime.session import SessionLimits
from routstr.proxy.till import Till
from routstr.upstream.client import UpstreamLimits
from routstr.upstream.deadlines import Deadlines
from routstr.upstream.routing import Router
from tests.unit.core.asgi import http_scope
from tests.unit.proxy.harness import (
    BTC,
    KEY,
    LIMITS,
    PLAYED,
    TOPUP_URL,
    Books,
    Keys,
    Lines,
    Listed,
    Payments,
    fleet_of,
    not_hot,
    plain_session,
)

CONTEXT: Final = 16_384
OUTPUT: Final = 1_000
BEGINNING: Final = 4_096
"""What a response may read before anything was said."""
WORST_INPUT: Final = 32
WORST_OUTPUT: Final = 64
FIRST: Final = BEGINNING * WORST_INPUT + OUTPUT * WORST_OUTPUT + 1
"""The hold of the first response."""
USUAL: Final = 1 + (14 - 6) * 4 + 6 * 32 + 6 * 1 + 6 * 16 + 10 * 64
"""What the played response costs: of 20 tokens 6 are cached, of the 8 of sound 2 are."""
BOUNDS: Final = SessionLimits(look_s=0.02)
TALKS: Final = "talks"
WORDS_ONLY: Final = "words"
HEARS: Final = "hears"
SECOND: Final = 10
"""Msat for a second of what the last one hears."""
_LIMIT_S: Final = 5


def snapshot() -> Any:
    """Msat for a token: 4 and 16 of words, 32 and 64 of sound, 1 cached; 1 for each response."""
    words = UsdPricing(
        prompt=Decimal("4e-6"), completion=Decimal("16e-6"), input_cache_read=Decimal("1e-6")
    )
    sound = msgspec.structs.replace(
        words,
        input_cost_per_audio_token=Decimal("32e-6"),
        output_cost_per_audio_token=Decimal("64e-6"),
    )
    top = TopProvider(context_length=CONTEXT, max_completion_tokens=OUTPUT)
    hears = UsdPricing(input_cost_per_second=Decimal(f"{SECOND}e-6"))
    specs = [
        ModelSpec(id=name, pricing=pricing, top_provider=top)
        for name, pricing in ((TALKS, sound), (WORDS_ONLY, words), (HEARS, hears))
    ]
    policy = PricePolicy(exchange_fee=Decimal(1), provider_fee=Decimal(1), provider=PLAYED)
    return build_snapshot(specs, usd_per_btc=BTC, policy=policy, version=4)


def sound(data: bytes = b"\x00" * 4_800) -> dict[str, str]:
    """A tenth of a second of somebody speaking."""
    return {"type": "input_audio_buffer.append", "audio": b64encode(data).decode()}


SPEECH: Final = sound(b"\x00" * 4_795 + PAUSE)
"""The same, and then a pause."""
MANUAL: Final = {
    "type": "session.update",
    "session": {"type": "realtime", "audio": {"input": {"turn_detection": None}}},
}
RESPOND: Final = {"type": "response.create"}


class Caller:
    """A client; what it gets is kept in order."""

    def __init__(
        self,
        route: RealtimeRoute,
        *,
        query: str = f"model={TALKS}",
        key: str | None = KEY,
        headers: Iterable[tuple[str, str]] = (),
        protocols: Iterable[str] = (),
        path: str = "/v1/realtime",
    ) -> None:
        credential = [] if key is None else [("Authorization", f"Bearer {key}")]
        scope = http_scope("GET", path, [*credential, *headers])
        del scope["method"]
        scope["type"], scope["scheme"] = "websocket", "ws"
        scope["subprotocols"] = list(protocols)
        scope["query_string"] = query.encode()
        self.messages: list[Message] = []
        self.reads = asyncio.Event()
        self.reads.set()
        self._inbox: asyncio.Queue[Message] = asyncio.Queue()
        self._inbox.put_nowait({"type": "websocket.connect"})
        self._changed = asyncio.Condition()
        self._gone = False
        self.task: asyncio.Future[None] = asyncio.ensure_future(
            route(scope, self._inbox.get, self._send)
        )

    async def _send(self, message: Message) -> None:
        await self.reads.wait()
        await asyncio.sleep(0)
        if self._gone:
            raise OSError("the client has gone")  # as servers do
        async with self._changed:
            self.messages.append(message)
            self._changed.notify_all()

    def say(self, *events: object) -> None:
        """Send events; a text is sent as it is."""
        for event in events:
            text = event if isinstance(event, str) else json.dumps(event)
            self._inbox.put_nowait({"type": "websocket.receive", "text": text})

    def leave(self) -> None:
        """Hang up."""
        self._gone = True
        self._inbox.put_nowait({"type": "websocket.disconnect", "code": 1006})

    @property
    def events(self) -> list[dict[str, Any]]:
        texts = [one["text"] for one in self.messages if one["type"] == "websocket.send"]
        return [json.loads(text) for text in texts]

    @property
    def closed(self) -> tuple[int, str]:
        """Code and reason of the goodbye."""
        (last,) = [one for one in self.messages if one["type"] == "websocket.close"]
        return last["code"], last["reason"]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == kind]

    async def until(self, kind: str, number: int = 1) -> dict[str, Any]:
        """Wait for the so many-th event of a kind."""
        async with self._changed, asyncio.timeout(_LIMIT_S):
            await self._changed.wait_for(lambda: len(self.of(kind)) >= number)
        return self.of(kind)[number - 1]

    async def end(self) -> None:
        """Wait until the node is through with it."""
        async with asyncio.timeout(_LIMIT_S):
            await self.task

    @property
    def refusal(self) -> tuple[int, str, str]:
        """Status, type and code of the HTTP answer instead of the upgrade."""
        start, body = self.messages
        assert start["type"] == "websocket.http.response.start"
        error = json.loads(body["body"])["error"]
        return start["status"], error["type"], error["code"]


@dataclass
class Place:
    """The route under test and all its surroundings."""

    route: RealtimeRoute
    endpoint: RealtimeEndpoint
    upstream: Upstream
    books: Books
    keys: Keys
    lines: Lines
    callers: list[Caller] = field(default_factory=list)
    draining: bool = False

    def call(self, script: Script | None = None, **more: Any) -> Caller:
        """A client that connects; the provider plays the script."""
        if script is not None:
            self.upstream.next(realtime(script))
        caller = Caller(self.route, **more)
        self.callers.append(caller)
        return caller

    @property
    def charges(self) -> list[int]:
        """What was charged, hold by hold, without those that were given back."""
        return [charge for hold, charge in sorted(self.books.charged.items()) if charge]

    @property
    def open_holds(self) -> set[int]:
        return set(self.books.holds) - set(self.books.ends)


@asynccontextmanager
async def place(
    *,
    books: Books | None = None,
    limits: UpstreamLimits = LIMITS,
    bounds: SessionLimits = BOUNDS,
    origins: Iterable[str] = ("*",),
    serve: Serve | None = None,
    gate: Gate | None = None,
) -> AsyncIterator[Place]:
    books, keys, lines = books or Books(), Keys(), Lines()
    demands = Demands(Listed(), token_sat_max=1_000, topup_url=TOPUP_URL)
    around = Surroundings(
        RequestLimits(64 * 1024, 16 * 1024, 50), Cors(origins), lines, SystemClock(), Deadlines()
    )
    prices = snapshot()
    async with Upstream() as upstream, plain_session() as session:
        router = Router(fleet_of(session, upstream.base_url, limits))
        parts = RealtimeParts(
            router,
            lambda: prices,
            QuotePolicy(),
            Till(keys, Payments(books), books, demands),
            bounds,
        )
        endpoint = RealtimeEndpoint(parts)
        if gate is not None:
            behind = guarded(gate, "/v1/realtime", endpoint)
            assert not isinstance(behind, Upload)
            serve = behind
        route = RealtimeRoute(not_hot, serve or endpoint, around, lambda: found.draining)
        found = Place(route, endpoint, upstream, books, keys, lines)
        try:
            yield found
        finally:
            for caller in found.callers:
                caller.task.cancel()
            await asyncio.gather(*(one.task for one in found.callers), return_exceptions=True)
        assert not found.open_holds, "a hold was left"
