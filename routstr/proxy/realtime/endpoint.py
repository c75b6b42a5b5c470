"""Serves conversations: who asks for what, who pays, who answers; then the events."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs

from routstr.catalog.snapshot import Snapshot
from routstr.core.rendering import Header
from routstr.errors import (
    InvalidParameter,
    MissingApiKey,
    ModelNotFound,
    NotPriced,
    RequestError,
    TooManyAtOnce,
    UpstreamError,
    UpstreamUnavailable,
)
from routstr.payment.price_wishes import read_wishes
from routstr.payment.pricing import QuotePolicy
from routstr.proxy.exchange import Exchange
from routstr.proxy.realtime.client import ClientLeft, ClientSocket
from routstr.proxy.realtime.desk import Payer, RealtimeDesk, is_sold
from routstr.proxy.realtime.dialing import ENDPOINT, dial
from routstr.proxy.realtime.ear import Ear
from routstr.proxy.realtime.listener import Books
from routstr.proxy.realtime.reading import Reading
from routstr.proxy.realtime.session import USUAL_BOUNDS, Session, SessionLimits
from routstr.proxy.realtime.setup import Setup
from routstr.proxy.realtime.tab import Tab
from routstr.proxy.request import MODEL_CHARS_MAX
from routstr.proxy.till import Till
from routstr.proxy.wire import Credentials
from routstr.upstream.headers import RawHeaders
from routstr.upstream.routing import Choice, Router
from routstr.upstream.socket import Socket

SESSIONS_PER_KEY_MAX: Final = 16
PROTOCOL: Final = "realtime"
_BETA: Final = "openai-beta.realtime-v1"
_BETA_HEADER: Final[Header] = (b"openai-beta", b"realtime=v1")
_NO_PROVIDER: Final = (
    "This node has no provider configured (UPSTREAM_BASE_URL, or routstr providers add)."
)


@dataclass(frozen=True, slots=True)
class RealtimeParts:
    """What conversations need of the node; ``catalog`` gives the current prices."""

    router: Router
    catalog: Callable[[], Snapshot]
    policy: QuotePolicy
    till: Till
    bounds: SessionLimits = USUAL_BOUNDS


class RealtimeEndpoint:
    """Serves ``/v1/realtime``. Counts the conversations of each key."""

    def __init__(self, parts: RealtimeParts) -> None:
        self._parts: Final = parts
        self._open: Final[Counter[str]] = Counter()

    async def __call__(self, exchange: Exchange, credentials: Credentials, _body: bytes) -> None:
        """Serve a conversation, or raise the error that is answered instead of the upgrade."""
        parts = self._parts
        if parts.router.idle:
            raise UpstreamUnavailable(_NO_PROVIDER)
        choices = self._choices(exchange, credentials)
        _check_credentials(credentials)
        wishes = read_wishes(credentials.max_cost, credentials.fit_balance)
        payer = Payer(exchange, credentials, parts.till, wishes)
        async with AsyncExitStack() as stack:
            reading = Reading()
            desk = RealtimeDesk(
                payer, parts.catalog, parts.policy, reading, stack, choices[0].entry
            )
            setup = Setup()
            books = Books(Tab(desk, setup, reading), Ear(desk, setup), setup, reading)
            first = await books.tab.open()
            with self._counted(exchange.key_id or ""):

                def fits(choice: Choice) -> bool:
                    return desk.quote(choice.entry, None).want <= first.meter.held

                choice, provider = await dial(choices, _received(exchange), fits)
                first.meter.serve(choice.entry)
                desk.served_by(choice.carrier.name)
                exchange.provider = choice.carrier.name
                try:
                    await self._serve(exchange, choice, provider, books)
                finally:
                    await provider.close()

    async def _serve(
        self,
        exchange: Exchange,
        choice: Choice,
        provider: Socket,
        books: Books,
    ) -> None:
        carrier = choice.carrier
        limits = carrier.profile.limits
        client = ClientSocket(exchange, limits.stall_s)
        try:
            await client.accept(PROTOCOL if PROTOCOL in _offered(exchange) else None)
        except ClientLeft:
            return
        session = Session(client, provider, carrier.name, books, limits, self._parts.bounds)
        problem = await session()
        exchange.code = None if problem is None else problem.code
        if isinstance(problem, UpstreamError):
            carrier.broke_off(problem, asyncio.get_running_loop().time())

    def _choices(self, exchange: Exchange, credentials: Credentials) -> Sequence[Choice]:
        name = _model(exchange.scope["query_string"])
        entry = self._parts.catalog().find(name)
        if entry is None:
            raise ModelNotFound(f"Model {name!r} not found")
        exchange.model = entry.id
        router, path = self._parts.router, credentials.model_path
        if path is not None:
            choices = router.pinned(entry, ENDPOINT, None, path)
        else:
            now = asyncio.get_running_loop().time()
            choices = router.choices(entry, ENDPOINT, None, now)
        choices = [choice for choice in choices if is_sold(choice.entry)]
        if not choices:
            raise NotPriced(
                f"Model {entry.id!r} has no price for sound on this node. "
                "(pricing.input_cost_per_audio_token and pricing.output_cost_per_audio_token)",
                details={"model": entry.id},
            )
        return choices

    @contextmanager
    def _counted(self, key_id: str) -> Iterator[None]:
        if self._open[key_id] >= SESSIONS_PER_KEY_MAX:
            raise TooManyAtOnce(
                f"More than {SESSIONS_PER_KEY_MAX} conversations of one key at the same time. "
                "Nothing was charged.",
                details={"limit_name": "realtime_sessions", "limit": SESSIONS_PER_KEY_MAX},
            )
        self._open[key_id] += 1
        try:
            yield
        finally:
            self._open[key_id] -= 1
            if not self._open[key_id]:
                del self._open[key_id]


def _model(query: bytes) -> str:
    """The one parameter of the address. Others mean things that are not sold."""
    try:
        given = parse_qs(query.decode("ascii"), strict_parsing=bool(query), max_num_fields=8)
    except ValueError:
        raise InvalidParameter("The query of the address is not valid.") from None
    for name in given.keys() - {"model"}:
        raise InvalidParameter(f"{name!r} is not accepted here.", details={"param": name[:64]})
    names = given.get("model", [])
    if len(names) != 1 or not names[0].strip() or len(names[0]) > MODEL_CHARS_MAX:
        raise InvalidParameter("'model' must name a model.", details={"param": "model"})
    return names[0].strip()


def _check_credentials(credentials: Credentials) -> None:
    if credentials.x_cashu is not None:
        raise RequestError(
            "X-Cashu pays for one request, and a conversation is many. Send an API key, or a "
            "Cashu token as one: 'Authorization: Bearer ...'."
        )
    if credentials.authorization is None:
        raise MissingApiKey


def _offered(exchange: Exchange) -> Sequence[str]:
    offered: Sequence[str] = exchange.scope.get("subprotocols", ())
    return offered


def _received(exchange: Exchange) -> RawHeaders:
    """The client's headers; what a browser can only say as a subprotocol is one of them."""
    headers: RawHeaders = exchange.scope["headers"]
    return [*headers, _BETA_HEADER] if _BETA in _offered(exchange) else headers
