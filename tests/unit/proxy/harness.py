"""The paid path with real HTTP on the provider's side and plain ASGI on the client's.

Ledger and auth are small fakes behind the ports. Every wait of theirs really suspends, so that a
test can cancel there; the ledger keeps what ended how, and refuses to end a hold twice unlike.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import aiohttp
import msgspec
from starlette.types import Message, Receive, Scope, Send

from devkit.upstream import PLAYS, Upstream
from routstr.auth.terms import KeyTerms
from routstr.catalog.build import build_snapshot
from routstr.catalog.models_file import ModelSpec, TopProvider, UsdPricing
from routstr.catalog.rates import PricePolicy
from routstr.catalog.snapshot import Snapshot
from routstr.core.access_log import AccessRecord
from routstr.core.clock import SystemClock
from routstr.core.cors import Cors
from routstr.core.middleware import RequestLimits
from routstr.core.secret import Secret
from routstr.core.tracing import Tracer
from routstr.errors import AuthError, MissingApiKey, TokenAlreadySpent, TokenBelowMinimum
from routstr.ledger.entries import Held, HoldRequest, KeyMark, Refused, Settled, Settlement
from routstr.money import ZERO, Msat, Unit
from routstr.payment.change import Change
from routstr.payment.demand import Demands
from routstr.payment.pricing import QuotePolicy
from routstr.proxy import count_tokens
from routstr.proxy.count_tokens import CountTokens
from routstr.proxy.dialects import DIALECTS, PIECES
from routstr.proxy.dialects.base import Dialect
from routstr.proxy.dialects.choices import CHAT
from routstr.proxy.dialects.pieces import PieceDialect
from routstr.proxy.hot import Finder, HotRoutes, Serve, Surroundings, Upload
from routstr.proxy.media import PieceEndpoint
from routstr.proxy.paid import PaidEndpoint
from routstr.proxy.till import Till
from routstr.upstream.adapters import ADAPTERS
from routstr.upstream.breaker import BreakerPolicy
from routstr.upstream.carrier import CarrierParts
from routstr.upstream.client import UpstreamClient, UpstreamLimits
from routstr.upstream.deadlines import Deadlines
from routstr.upstream.fleet import Fleet
from routstr.upstream.provider import Profile
from routstr.upstream.routing import Router
from routstr.wallet.offers import Offer as MintOffer
from tests.unit.core.asgi import Answer, http_scope

KEY = "sk-" + "a" * 64
UPSTREAM_KEY = "sk-provider-0123456789abcdef"
BTC = Decimal(100_000)  # one USD is a million msat: 1e-6 USD per token is 1 msat per token
PLAYED = "played"
HELLO = [{"role": "user", "content": "Say something."}]
USUAL = QuotePolicy()
LIMITS = UpstreamLimits(
    connect_s=1,
    first_byte_s=2,
    idle_s=0.4,
    total_s=5,
    drain_s=0.3,
    stall_s=0.3,
    answer_bytes=256 * 1024,
    event_bytes=64 * 1024,
)


@dataclass
class Books:
    """A ledger of one account in memory."""

    posted: int = 1_000_000
    holds: dict[int, HoldRequest] = field(default_factory=dict)
    amounts: dict[int, int] = field(default_factory=dict)
    ends: dict[int, Settlement | None] = field(default_factory=dict)
    charged: dict[int, int] = field(default_factory=dict)
    closed: bool = False

    @property
    def held(self) -> int:
        return sum(amount for hold, amount in self.amounts.items() if hold not in self.ends)

    @property
    def available(self) -> int:
        return self.posted - self.held

    async def hold(self, request: HoldRequest) -> Held | Refused:
        await asyncio.sleep(0)
        if self.closed or self.available < request.minimum:
            return Refused(Msat(self.available), Msat(self.held), self.closed)
        hold = len(self.holds) + 1
        self.holds[hold] = request
        self.closed = request.closes
        self.amounts[hold] = int(min(self.available, request.wanted))
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            self._end(hold, None)  # as the real one does when nobody hears of the hold
            raise
        return Held(hold, Msat(self.amounts[hold]), Msat(self.available))

    async def settle(self, settlement: Settlement) -> Settled:
        await asyncio.sleep(0)
        answer = self._end(settlement.hold, settlement)
        await asyncio.sleep(0)
        return answer

    async def release(self, hold: int, placed: object = None, /) -> Settled:
        await asyncio.sleep(0)
        answer = self._end(hold, None)
        await asyncio.sleep(0)
        return answer

    def _end(self, hold: int, settlement: Settlement | None) -> Settled:
        cost = ZERO if settlement is None else settlement.cost
        if hold in self.ends:
            assert self.ends[hold] == settlement, "a second and different end was asked for"
        else:
            self.ends[hold] = settlement
            self.charged[hold] = min(int(cost), self.amounts[hold])
            self.posted -= self.charged[hold]
        charged = Msat(self.charged[hold])
        return Settled(charged, cost - charged, Msat(self.available), Msat(self.held))

    def only_end(self) -> Settlement | None:
        """How the one hold ended; None when it was released."""
        assert set(self.holds) == set(self.ends) == {1}, "not exactly one hold with one end"
        return self.ends[1]

    @property
    def settled(self) -> Settlement:
        end = self.only_end()
        assert end is not None, "it was released"
        return end

    @property
    def was_released(self) -> bool:
        return self.only_end() is None


@dataclass(frozen=True)
class KeyPayer:
    account: int = 7
    key_id: str = "key-1"
    mark: KeyMark | None = None


@dataclass
class Keys:
    """Knows one key; ``changed`` is what it is found to be when it is looked up again."""

    minimum: Msat | None = None
    terms: KeyTerms | None = None
    key: KeyPayer = field(default_factory=KeyPayer)
    changed: KeyPayer | None = None
    forgotten: list[str | None] = field(default_factory=list)

    async def payer(self, authorization: str | None, *, minimum: Msat, terms: KeyTerms) -> KeyPayer:
        self.minimum, self.terms = minimum, terms
        await asyncio.sleep(0)
        if authorization is None:
            raise MissingApiKey
        if authorization != f"Bearer {KEY}":
            raise AuthError
        return self.key

    def forget(self, authorization: str | None) -> None:
        self.forgotten.append(authorization)
        self.key = self.changed or self.key


TOKEN = "cashuB" + "t" * 60
CHANGE = "cashuB" + "c" * 60
MINT_FEE = Msat(100)
"""Of redeeming a token, and as much again of making its change."""
MINT = "https://mint.example"
TOPUP_URL = "https://node.example/v1/balance/topup"


@dataclass
class Payments:
    """Redeems one token into the account of :class:`Books`, and empties it again.

    ``given``: what each change was made of. ``away``: the mint cannot make any now.
    """

    books: Books
    refusal: Exception | None = None
    away: bool = False
    account: int = 9
    key_id: str = "payment_1"
    redeemed: int = 0
    given: list[int] = field(default_factory=list)

    @property
    def unanswered(self) -> Change:
        return self.pending(Msat(self.books.posted))

    def pending(self, owned: Msat) -> Change:
        return Change(mint_fee=MINT_FEE, left=owned, pending=True)

    async def redeem(self, text: str, *, minimum: Msat) -> "Payments":
        await asyncio.sleep(0)
        if self.refusal is not None:
            raise self.refusal
        if text != TOKEN:
            raise TokenAlreadySpent
        if self.books.posted < minimum:
            raise TokenBelowMinimum(details={"required_msat": int(minimum)})
        self.redeemed += 1
        return self

    async def give_back(self, owned: Msat) -> Change:
        assert self.books.held == 0, "change is given after the hold's end"
        assert owned == self.books.posted
        await asyncio.sleep(0)
        if self.away:
            return self.pending(owned)
        if owned <= MINT_FEE:
            return Change(mint_fee=MINT_FEE, left=owned)
        self.given.append(int(owned))
        amount = (owned - MINT_FEE).sats_down * 1_000
        left = owned - MINT_FEE - Msat(amount)
        self.books.posted = int(left)
        fees = MINT_FEE + MINT_FEE
        return Change(token=CHANGE, amount=Msat(amount), mint_fee=fees, left=left)


class Listed:
    """One mint that answers and takes no fee; counts how often somebody had to be told."""

    def __init__(self) -> None:
        self.asked = 0

    async def current(self) -> tuple[MintOffer, ...]:
        self.asked += 1
        await asyncio.sleep(0)
        return (MintOffer(MINT, {Unit.SAT: 0}),)


class Lines:
    """Keeps access records instead of writing them."""

    def __init__(self) -> None:
        self.records: list[AccessRecord] = []

    def write(self, record: AccessRecord) -> None:
        self.records.append(record)


def snapshot(names: Iterable[str] = ()) -> Snapshot:
    """Models that cost 1 msat per input and 3 per output token, and 1 per request."""
    pricing = UsdPricing(prompt=Decimal("1e-6"), completion=Decimal("3e-6"))
    top = TopProvider(context_length=8_000, max_completion_tokens=1_000)
    specs = [
        ModelSpec(id=f"played/{name}", pricing=pricing, top_provider=top)
        for name in (*PLAYS, *names)
    ]
    policy = PricePolicy(exchange_fee=Decimal(1), provider_fee=Decimal(1), provider=PLAYED)
    return build_snapshot(specs, usd_per_btc=BTC, policy=policy, version=4)


SNAPSHOT = snapshot()


async def not_hot(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b"the application", "more_body": False})


@dataclass
class Node:
    """The node under test and all its surroundings."""

    app: HotRoutes
    around: Surroundings
    upstream: Upstream
    books: Books
    keys: Keys
    payments: Payments
    mints: Listed
    lines: Lines

    @property
    def line(self) -> AccessRecord:
        (record,) = self.lines.records
        return record

    async def ask(self, body: object = None, **more: Any) -> Answer:
        """One request to the end."""
        call = Call(self.app, body, **more)
        await call.run()
        return call.answer

    async def chat(self, model: str = "good", **more: Any) -> Answer:
        return await self.ask({"model": model, "messages": HELLO, **more})

    async def pay(self, model: str = "good", *, token: str = TOKEN, **more: Any) -> Answer:
        """A chat that is paid with a token for it alone."""
        body = {"model": model, "messages": HELLO, **more}
        return await self.ask(body, key=None, headers=[("X-Cashu", token)])


class Call:
    """One request whose client can be told to leave, to stop reading, or be cancelled."""

    def __init__(
        self,
        app: HotRoutes,
        body: object = None,
        *,
        raw: bytes | None = None,
        chunks: Iterable[bytes] | None = None,
        headers: Iterable[tuple[str, str]] = (),
        key: str | None = KEY,
        method: str = "POST",
        path: str = CHAT.endpoint,
        ends: bool = True,
    ) -> None:
        encoded = raw if raw is not None else msgspec.json.encode(body)
        pieces = list(chunks) if chunks is not None else [encoded]
        self.answer = Answer()
        self.left = asyncio.Event()
        self.reads = asyncio.Event()
        self.reads.set()
        self.sent = asyncio.Condition()
        credential = [] if key is None else [("Authorization", f"Bearer {key}")]
        self._app = app
        plain, _, query = path.partition("?")
        self._scope = http_scope(method, plain, [*credential, *headers])
        self._scope["query_string"] = query.encode()
        self._pending = [
            {"type": "http.request", "body": piece, "more_body": not ends or rest > 0}
            for rest, piece in zip(range(len(pieces) - 1, -1, -1), pieces, strict=True)
        ]

    async def run(self) -> None:
        await self._app(self._scope, self._receive, self._send)

    def start(self) -> asyncio.Task[None]:
        return asyncio.create_task(self.run())

    async def until(self, text: bytes) -> None:
        """Wait until the client has received this."""
        async with self.sent, asyncio.timeout(5):
            await self.sent.wait_for(
                lambda: bool(self.answer.messages) and text in self.answer.body
            )

    async def _receive(self) -> Message:
        await asyncio.sleep(0)
        if self._pending:
            return self._pending.pop(0)
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        await self.reads.wait()
        await asyncio.sleep(0)
        if self.left.is_set():
            return  # as servers do
        async with self.sent:
            self.answer.messages.append(message)
            self.sent.notify_all()


@asynccontextmanager
async def running(
    *,
    books: Books | None = None,
    limits: UpstreamLimits = LIMITS,
    request_limits: RequestLimits | None = None,
    origins: Iterable[str] = ("*",),
    forward: Iterable[str] = (),
    catalog: Callable[[], Snapshot] = lambda: SNAPSHOT,
    adapter: str = "generic",
    fleet: Fleet | None = None,
    policy: QuotePolicy = USUAL,
    find: Callable[[Router, Till, Deadlines], Finder] | None = None,
    tracer: Tracer | None = None,
) -> AsyncIterator[Node]:
    deadlines = Deadlines(sweep_s=0.02, linger_s=0.05)
    books = books or Books()
    keys, lines, clock = Keys(), Lines(), SystemClock()
    payments, mints = Payments(books), Listed()
    demands = Demands(mints, token_sat_max=1_000, topup_url=TOPUP_URL)
    around = Surroundings(
        request_limits or RequestLimits(64 * 1024, 16 * 1024, 50),
        Cors(origins),
        lines,
        clock,
        deadlines,
        tracer=tracer,
    )
    async with Upstream() as upstream, plain_session() as session:
        router = Router(fleet or fleet_of(session, upstream.base_url, limits, forward, adapter))
        till = Till(keys, payments, books, demands)

        def serve(dialect: Dialect) -> PaidEndpoint:
            return PaidEndpoint(
                dialect,
                router,
                catalog=catalog,
                policy=policy,
                till=till,
                deadlines=deadlines,
            )

        def serve_pieces(dialect: PieceDialect) -> Serve | Upload:
            endpoint = PieceEndpoint(
                dialect,
                router,
                catalog=catalog,
                policy=policy,
                till=till,
                deadlines=deadlines,
            )
            return Upload(endpoint.serve_form) if dialect.form else endpoint

        routes: dict[str, Serve | Upload] = {one.endpoint: serve(one) for one in DIALECTS}
        routes |= {one.endpoint: serve_pieces(one) for one in PIECES}
        routes[count_tokens.ENDPOINT] = CountTokens(catalog)
        others = None if find is None else find(router, till, deadlines)
        app = HotRoutes(not_hot, routes, around, others)
        yield Node(app, around, upstream, books, keys, payments, mints, lines)


def fleet_of(
    session: aiohttp.ClientSession,
    base_url: str,
    limits: UpstreamLimits = LIMITS,
    forward: Iterable[str] = (),
    adapter: str = "generic",
) -> Fleet:
    """The played provider alone, by one key."""
    keys = (Secret(UPSTREAM_KEY),)
    profile = Profile(0, PLAYED, ADAPTERS[adapter], base_url, keys, limits)
    parts = CarrierParts(
        client=lambda one: UpstreamClient(session, one.limits),
        forward_headers=tuple(forward),
        alarm=lambda name, **facts: None,
        breaker=BreakerPolicy(),
    )
    return Fleet(parts, [profile])


def plain_session() -> aiohttp.ClientSession:
    """A session as the node makes it."""
    return aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False, trust_env=False
    )
