"""The composition root: the one module that knows everyone. It builds, wires and stops the node."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from typing import Final

from aiohttp import ClientSession
from fastapi import FastAPI
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from routstr.assembly import open_database, open_wallet
from routstr.auth.service import Authenticator
from routstr.balance import endpoints as balance_endpoints
from routstr.balance.service import BalanceService
from routstr.catalog.models_file import load_models
from routstr.catalog.rates import FixedPrices, PricePolicy
from routstr.catalog.service import Catalog
from routstr.core.clock import Clock, SystemClock
from routstr.core.cors import Cors
from routstr.core.db import Backend
from routstr.core.http import outgoing_session, upstream_session
from routstr.core.logging import Logs, get_logger, start_logging
from routstr.core.middleware import ManagementShell, RequestLimits
from routstr.core.node_key import load_node_key
from routstr.core.rendering import install_error_handlers
from routstr.core.settings import Settings, load_settings
from routstr.core.tasks import Supervisor
from routstr.errors import (
    DatabaseUnavailable,
    OutcomeUnknown,
    PaymentError,
    UpstreamUnavailable,
)
from routstr.ledger import instances
from routstr.ledger.service import Ledger
from routstr.ledger.sweep import Sweeper
from routstr.money import Msat
from routstr.node import endpoints as node_endpoints
from routstr.node.health import Health
from routstr.payment.alerts import LoggedAlert
from routstr.payment.demand import Demands
from routstr.payment.intake import Intake
from routstr.payment.price import FeedPolicy, PriceFeed
from routstr.payment.price_sources import HttpFetch
from routstr.payment.pricing import QuotePolicy
from routstr.payment.refund import Refunds
from routstr.payment.tokens import load_vocabulary
from routstr.payment.verifier import Verifier
from routstr.payment.x_cashu import XCashu
from routstr.proxy.chat import ENDPOINT, ChatCompletions
from routstr.proxy.exchange import Exchange
from routstr.proxy.hot import HotRoutes, Serve, Surroundings
from routstr.proxy.till import Till
from routstr.proxy.wire import Credentials
from routstr.upstream.client import UpstreamClient, UpstreamLimits
from routstr.upstream.deadlines import Deadlines
from routstr.upstream.endpoint import Endpoint
from routstr.upstream.provider import Provider
from routstr.version import __version__
from routstr.wallet.offers import Offers
from routstr.wallet.service import Wallet

_log = get_logger(__name__)

HEARTBEAT_SECONDS: Final = 5.0
SWEEP_SECONDS: Final = 10.0
RECOVERY_SECONDS: Final = 10.0
CLAIMS_SECONDS: Final = 300.0
STOP_SECONDS: Final = 5.0
NEVER_SECONDS: Final = 10 * 365 * 86_400.0
"""Between two runs of a task that runs at the start only: again only after a failure."""
START_PROBLEMS: Final = (ValueError, SQLAlchemyError, OSError)
"""What an operator can mend: told in one line; anything else is a fault and shows its traceback."""


class App:
    """The ASGI application: hot routes in front, the management API behind them.

    Nothing is opened before the server starts its lifespan; everything is closed at its end.
    ``backend`` is the port by which tests reach between the node and its database.
    """

    def __init__(
        self, settings: Settings, *, clock: Clock | None = None, backend: Backend | None = None
    ) -> None:
        self.settings = settings
        self._clock = clock or SystemClock()
        self._backend = backend
        self._entrance: ASGIApp | None = None
        self._hot: HotRoutes | None = None
        self._demands: Demands | None = None
        self.start_problem: str | None = None
        self.api = FastAPI(
            title=settings.name,
            description=settings.description,
            version=__version__,
            lifespan=self._lifespan,
            docs_url=None,  # the framework's pages load scripts from elsewhere
            redoc_url=None,
        )
        install_error_handlers(self.api, self._demand)
        for prefix in ("/v1/balance", "/v1/wallet"):
            hidden = prefix != "/v1/balance"
            self.api.include_router(
                balance_endpoints.router, prefix=prefix, include_in_schema=not hidden
            )
        self.api.include_router(node_endpoints.router)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's event."""
        if scope["type"] == "lifespan":
            await self.api(scope, receive, self._telling(send))
        elif self._entrance is None:
            await self.api(scope, receive, send)
        else:
            await self._entrance(scope, receive, send)

    def _telling(self, send: Send) -> Send:
        """Tell the server why the start failed in one line instead of a traceback."""

        async def tell(message: Message) -> None:
            if message["type"] == "lifespan.startup.failed" and self.start_problem:
                message = {**message, "message": self.start_problem}
            await send(message)

        return tell

    async def _demand(self, error: PaymentError) -> None:
        """Add to an error of the management API what would settle it."""
        if self._demands is not None:
            await self._demands.complete(error)

    def drain(self) -> None:
        """Refuse new paid requests from now on; those under way go on."""
        if self._hot is not None:
            self._hot.drain()

    @asynccontextmanager
    async def _lifespan(self, _api: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            logs = start_logging(self.settings, self._clock)
            stack.callback(logs.close)
            try:
                await self._open(stack, logs)
            except START_PROBLEMS as problem:
                self.start_problem = f"The node cannot start: {problem}"
                _log.critical("start_failed", reason=str(problem), exc_info=True)
                raise
            yield
            self.drain()
            _log.info("stopping")

    async def _open(self, stack: AsyncExitStack, logs: Logs) -> None:
        settings, clock = self.settings, self._clock
        node_key = load_node_key(settings)
        catalog = Catalog(load_models(settings.models_path), _price_policy(settings), clock)
        db = await stack.enter_async_context(open_database(settings, node_key, self._backend))
        instance = await db.write(instances.register)
        stack.push_async_callback(db.write, lambda tx: instances.stop(tx, instance))
        ledger = Ledger(db, clock, instance, await Ledger.open_books(db, clock))
        stack.push_async_callback(_settle_rest, ledger)
        outgoing = await stack.enter_async_context(
            outgoing_session(settings, allow_loopback=settings.allow_insecure_mints)
        )
        upstream = await stack.enter_async_context(upstream_session(settings))
        wallet = await open_wallet(settings, db, node_key, instance, outgoing, clock)
        stack.push_async_callback(wallet.drain, STOP_SECONDS)
        verifier = Verifier(
            db, clock, LoggedAlert(), full_seconds=settings.verify_full_interval_seconds
        )
        intake = Intake(wallet, clock, admitted=verifier.admitted)
        auth = Authenticator(db, intake, node_key, clock)
        refunds = Refunds(db, wallet, clock)
        supervisor = Supervisor(clock)
        stack.push_async_callback(supervisor.stop, STOP_SECONDS)
        stale = settings.instance_stale_seconds
        sweeper = Sweeper(db, ledger, clock, instance, stale)
        await self._start_price(catalog, outgoing, supervisor)
        x_cashu = XCashu(intake, wallet, refunds)
        offers = Offers(wallet.mints, clock)
        stack.push_async_callback(offers.close)
        self._demands = Demands(
            offers,
            token_sat_max=settings.token_sat_max,
            topup_url=f"{settings.http_url}/v1/balance/topup",
        )
        self._wire(logs, catalog, Till(auth, x_cashu, ledger, self._demands), upstream)
        self.api.state.balance = BalanceService(db, auth, refunds, x_cashu)
        health = Health(
            db,
            wallet.mints,
            catalog,
            upstream,
            settings.upstream_base_url,
            clock,
            supervisor,
            lambda: self._hot is not None and self._hot.draining,
            verifier.deposits,
        )
        self.api.state.node = node_endpoints.NodeParts(settings, catalog, health)
        self._start_tasks(supervisor, verifier, sweeper, wallet, refunds)
        _log.info(
            "started", version=__version__, database=db.dialect.value, mints=wallet.mints.urls
        )

    async def _start_price(
        self, catalog: Catalog, session: ClientSession, supervisor: Supervisor
    ) -> None:
        settings = self.settings
        if settings.btc_usd is not None:
            catalog.set_rate(settings.btc_usd, fresh_for_s=None)
            return
        policy = FeedPolicy(
            jump_percent_max=settings.price_jump_percent_max,
            age_s_max=settings.price_age_seconds_max,
        )
        feed = PriceFeed(HttpFetch(session), self._clock, policy)

        async def refresh() -> None:
            outcome = await feed.refresh()
            if outcome.failures:
                _log.warning("price_sources_failed", failures=dict(outcome.failures))
            if outcome.price is not None and feed.fresh_for_s() > 0:
                catalog.set_rate(outcome.price, fresh_for_s=feed.fresh_for_s())

        supervisor.every("price", settings.pricing_refresh_interval_seconds, refresh)

    def _wire(
        self,
        logs: Logs,
        catalog: Catalog,
        till: Till,
        session: ClientSession,
    ) -> None:
        settings = self.settings
        limits = RequestLimits.of(settings)
        cors = Cors(settings.cors_origins)
        deadlines = Deadlines()
        shell = ManagementShell(
            self.api, limits=limits, cors=cors, access=logs.access, clock=self._clock
        )
        surroundings = Surroundings(limits, cors, logs.access, self._clock, deadlines)
        load_vocabulary()
        chat: Serve = _no_upstream
        if settings.upstream_base_url:
            chat = ChatCompletions(
                _endpoint(settings, session),
                catalog=catalog.current,
                policy=QuotePolicy(
                    settings.tolerance_percentage,
                    Msat(settings.min_request_msat),
                    settings.min_output_tokens,
                ),
                till=till,
                deadlines=deadlines,
            )
        self._hot = HotRoutes(shell, {ENDPOINT: chat}, surroundings)
        self._entrance = self._hot

    def _start_tasks(
        self,
        supervisor: Supervisor,
        verifier: Verifier,
        sweeper: Sweeper,
        wallet: Wallet,
        refunds: Refunds,
    ) -> None:
        async def recover() -> None:
            await wallet.recover(await sweeper.alive())

        supervisor.every("heartbeat", HEARTBEAT_SECONDS, sweeper.beat)
        supervisor.every("sweep", SWEEP_SECONDS, sweeper.sweep)
        supervisor.every("recovery", RECOVERY_SECONDS, recover)
        supervisor.every("claims", CLAIMS_SECONDS, refunds.watch_claims)
        supervisor.every(
            "verify", self.settings.verify_interval_seconds or NEVER_SECONDS, verifier.run
        )


def create_app(
    settings: Settings, *, clock: Clock | None = None, backend: Backend | None = None
) -> App:
    """Build the node for these settings; it opens nothing before its lifespan starts."""
    return App(settings, clock=clock, backend=backend)


def app_from_environment() -> App:
    """Build the node that the environment and ``.env`` describe."""
    return create_app(load_settings())


def _price_policy(settings: Settings) -> PricePolicy:
    fixed = None
    if settings.fixed_pricing:
        fixed = FixedPrices(
            Decimal(settings.fixed_cost_per_request),
            Decimal(settings.fixed_per_1k_input_tokens),
            Decimal(settings.fixed_per_1k_output_tokens),
        )
    return PricePolicy(
        exchange_fee=settings.exchange_fee,
        provider_fee=settings.upstream_provider_fee,
        min_request=Msat(settings.min_request_msat),
        fixed=fixed,
        provider=settings.upstream_name,
    )


def _endpoint(settings: Settings, session: ClientSession) -> Endpoint:
    limits = UpstreamLimits(
        connect_s=settings.upstream_connect_seconds,
        first_byte_s=settings.upstream_first_byte_seconds,
        idle_s=settings.upstream_idle_seconds,
        total_s=settings.upstream_total_seconds,
        drain_s=settings.disconnect_drain_seconds,
        answer_bytes=settings.response_bytes_max,
    )
    provider = Provider.create(
        settings.upstream_name, settings.upstream_base_url, settings.upstream_api_key
    )
    client = UpstreamClient(session, limits)
    return Endpoint(client, provider, "chat/completions", limits, settings.forward_headers)


async def _settle_rest(ledger: Ledger) -> None:
    """Charge, before the node ends, what could not be charged while the database was away."""
    try:
        await ledger.settle_late()
    except (DatabaseUnavailable, OutcomeUnknown) as error:
        _log.error("unsettled_at_stop", holds=sorted(ledger.live_holds()), reason=str(error))


async def _no_upstream(_exchange: Exchange, _credentials: Credentials, _body: bytes) -> None:
    raise UpstreamUnavailable("This node has no provider configured (UPSTREAM_BASE_URL).")
