"""The composition root: the one module that knows everyone. It builds, wires and stops the node."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from fastapi import FastAPI
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from routstr.admin import access, providers
from routstr.assembly.document import Api
from routstr.assembly.endpoints import EndpointParts, build_found, noted, start_forgetting
from routstr.assembly.keys import Keys, build_keys, start_expiry
from routstr.assembly.lightning import build_lightning, start_watch
from routstr.assembly.limits import guard
from routstr.assembly.models import build_shelf, open_catalog, start_lists
from routstr.assembly.money import Money, build_money, start_money
from routstr.assembly.pages import add_pages, build_theme
from routstr.assembly.plugins import build_router, checked_till, open_extensions, through_door
from routstr.assembly.prices import start_prices
from routstr.assembly.providers import (
    Upstreams,
    build_upstreams,
    start_upstreams,
    upstream_sessions,
)
from routstr.assembly.realtime import with_realtime
from routstr.assembly.relay import paid_routes, repeatable
from routstr.assembly.repeats import build_repeats, start_repeats
from routstr.assembly.sharing import Shared, open_shared
from routstr.assembly.storage import open_database
from routstr.assembly.wallet import open_wallet, remind_of_seed
from routstr.auth.objects import Objects
from routstr.balance import endpoints as balance_endpoints
from routstr.balance import key_endpoints
from routstr.balance import lightning as lightning_endpoints
from routstr.balance.idempotency import Repetition
from routstr.balance.service import BalanceService
from routstr.core.clock import Clock, SystemClock
from routstr.core.cors import Cors
from routstr.core.db import Backend, Database
from routstr.core.http import outgoing_session
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
)
from routstr.ledger import instances
from routstr.ledger.service import Ledger
from routstr.ledger.sweep import Sweeper
from routstr.node import endpoints as node_endpoints
from routstr.node import paths
from routstr.node.health import Health
from routstr.node.provider_health import ProviderHealth
from routstr.payment.demand import Demands
from routstr.payment.tokens import load_vocabulary
from routstr.proxy.forms import FormLimits
from routstr.proxy.hot import HotRoutes, Surroundings
from routstr.proxy.till import Till
from routstr.upstream.deadlines import Deadlines
from routstr.version import __version__
from routstr.wallet.service import Wallet

_log = get_logger(__name__)

HEARTBEAT_SECONDS: Final = 5.0
SWEEP_SECONDS: Final = 10.0
RECOVERY_SECONDS: Final = 10.0
STOP_SECONDS: Final = 5.0
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
        self.api = Api(
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
            for router in (balance_endpoints.router, key_endpoints.router):
                self.api.include_router(router, prefix=prefix, include_in_schema=not hidden)
        for prefix in lightning_endpoints.PREFIXES:
            hidden = prefix != lightning_endpoints.PREFIXES[0]
            self.api.include_router(
                lightning_endpoints.router, prefix=prefix, include_in_schema=not hidden
            )
        for router in (access.router, providers.router, paths.router, node_endpoints.router):
            self.api.include_router(router)
        add_pages(self.api)
        self.api.state.theme = build_theme(settings)

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
        extensions = open_extensions(settings)
        catalog, entries = open_catalog(settings, clock, extensions.rules)
        db = await stack.enter_async_context(open_database(settings, node_key, self._backend))
        instance = await db.write(instances.register)
        stack.push_async_callback(db.write, lambda tx: instances.stop(tx, instance))
        ledger = Ledger(db, clock, instance, await Ledger.open_books(db, clock))
        stack.push_async_callback(_settle_rest, ledger)
        outgoing = await stack.enter_async_context(
            outgoing_session(settings, allow_loopback=settings.allow_insecure_mints)
        )
        sessions = await stack.enter_async_context(upstream_sessions(settings))
        wallet = await open_wallet(settings, db, node_key, instance, outgoing, clock)
        stack.push_async_callback(wallet.drain, STOP_SECONDS)
        await remind_of_seed(db)
        money = build_money(settings, db, wallet, node_key, clock, outgoing)
        supervisor = Supervisor(clock)
        stack.push_async_callback(supervisor.stop, STOP_SECONDS)
        sweeper = Sweeper(db, ledger, clock, instance, settings.instance_stale_seconds)
        start_prices(settings, catalog, outgoing, clock, supervisor)
        stack.push_async_callback(money.offers.close)
        self._demands = money.demands
        till = checked_till(Till(money.auth, money.x_cashu, ledger, money.demands), extensions)
        repetition, once = build_repeats(settings, db, node_key, clock, instance, money.auth.knows)
        shelf = build_shelf(catalog, entries, settings, clock, upstream=sessions, outgoing=outgoing)
        upstreams = build_upstreams(
            settings, db, node_key, clock, sessions, shelf.follow, extensions.adapters
        )
        await start_upstreams(upstreams, supervisor)
        start_lists(shelf, supervisor)
        objects, router = Objects(db, money.auth, clock), build_router(upstreams.fleet, extensions)
        self._wire(
            logs,
            EndpointParts(settings, objects, catalog, till, router, once, extensions),
            await open_shared(settings, node_key, clock, stack),
        )
        keys = build_keys(settings, db, node_key, clock, money)
        self._show_balances(db, money, keys, repetition)
        health = Health(
            db,
            wallet.mints,
            catalog,
            ProviderHealth(upstreams.fleet),
            clock,
            supervisor,
            lambda: self._hot is not None and self._hot.draining,
            money.verifier.deposits,
        )
        self.api.state.lightning = build_lightning(settings, db, wallet, node_key, clock, money)
        self._show(upstreams, node_endpoints.NodeParts(settings, catalog, health))
        _start_upkeep(supervisor, sweeper, wallet, objects)
        start_money(money, settings, supervisor)
        start_expiry(keys, supervisor)
        start_watch(settings, db, wallet, clock, supervisor)
        start_repeats(repetition, supervisor)
        _log.info(
            "started", version=__version__, database=db.dialect.value, mints=wallet.mints.urls
        )

    def _show_balances(
        self, db: Database, money: Money, keys: Keys, repetition: Repetition
    ) -> None:
        """Give the routes about keys and what is on them what they need."""
        state = self.api.state
        state.repetition = repetition
        state.keys, state.histories = keys.service, keys.histories
        state.balance = BalanceService(
            db, money.auth, money.refunds, money.x_cashu, money.lightning
        )

    def _show(self, upstreams: Upstreams, node: node_endpoints.NodeParts) -> None:
        """Give the routes about the node and its providers what they need."""
        self.api.state.node = node
        self.api.state.admin = upstreams.admin
        self.api.state.paths = paths.PathParts(node.catalog, upstreams.fleet, self._clock)

    def _wire(self, logs: Logs, parts: EndpointParts, shared: Shared) -> None:
        settings, (gate, cache) = self.settings, shared
        limits = RequestLimits.of(settings)
        cors = Cors(settings.cors_origins)
        deadlines = Deadlines()

        def shell(app: ASGIApp) -> ManagementShell:
            return ManagementShell(
                app, limits=limits, cors=cors, access=logs.access, clock=self._clock
            )

        forms = FormLimits(settings.upload_bytes_max)
        surroundings = Surroundings(limits, cors, logs.access, self._clock, deadlines, forms)
        self.api.dialects, self.api.pieces = parts.extensions.dialects, parts.extensions.pieces
        load_vocabulary()
        routes = paid_routes(
            settings,
            parts.catalog,
            parts.till,
            parts.router,
            deadlines,
            parts.extensions,
            cache,
        )
        routes = repeatable(parts.once, noted(routes, parts.objects))
        routes, found = guard(gate, routes, build_found(parts, deadlines))
        self._hot = HotRoutes(shell(self.api), routes, surroundings, found)
        entrance = with_realtime(self._hot, parts, surroundings, gate)
        self._entrance = through_door(entrance, parts.extensions, shell)


def create_app(
    settings: Settings, *, clock: Clock | None = None, backend: Backend | None = None
) -> App:
    """Build the node for these settings; it opens nothing before its lifespan starts."""
    return App(settings, clock=clock, backend=backend)


def app_from_environment() -> App:
    """Build the node that the environment and ``.env`` describe."""
    return create_app(load_settings())


def _start_upkeep(
    supervisor: Supervisor, sweeper: Sweeper, wallet: Wallet, objects: Objects
) -> None:
    async def recover() -> None:
        await wallet.recover(await sweeper.alive())

    supervisor.every("heartbeat", HEARTBEAT_SECONDS, sweeper.beat)
    supervisor.every("sweep", SWEEP_SECONDS, sweeper.sweep)
    supervisor.every("recovery", RECOVERY_SECONDS, recover)
    start_forgetting(objects, supervisor)


async def _settle_rest(ledger: Ledger) -> None:
    """Charge, before the node ends, what could not be charged while the database was away."""
    try:
        await ledger.settle_late()
    except (DatabaseUnavailable, OutcomeUnknown) as error:
        _log.error("unsettled_at_stop", holds=sorted(ledger.live_holds()), reason=str(error))
