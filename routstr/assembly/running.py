"""The node with one set of settings, from its entry among the instances to its entrance.

What serves is never changed: changed settings make another one, which takes over
(:mod:`routstr.assembly.succession`). Several on one database are as right as several processes.
"""

import asyncio
from contextlib import AsyncExitStack
from functools import partial
from typing import Final, NamedTuple

from aiohttp import ClientSession
from fastapi import FastAPI
from starlette.datastructures import State
from starlette.types import ASGIApp

from routstr.admin.logs.desk import LogDesk
from routstr.assembly.custody import build_custody
from routstr.assembly.directory import show_others
from routstr.assembly.endpoints import EndpointParts, build_found, noted, start_forgetting
from routstr.assembly.https import https_only
from routstr.assembly.keys import Keys, build_keys, start_expiry, start_live
from routstr.assembly.lightning import build_lightning, start_watch
from routstr.assembly.limits import guard, guard_free
from routstr.assembly.metrics import build_metrics
from routstr.assembly.models import Shelf, build_shelf, open_catalog, start_lists
from routstr.assembly.money import Money, build_money, open_sealer, settle_rest, start_money
from routstr.assembly.nostr import Nostr, build_nostr, show_nostr, start_nostr
from routstr.assembly.overview import (
    build_board,
    build_conditions,
    build_overview,
    start_overview,
)
from routstr.assembly.pages import build_client_pages
from routstr.assembly.plugins import build_router, checked_till, through_door
from routstr.assembly.prices import start_prices
from routstr.assembly.process import Process
from routstr.assembly.providers import (
    Upstreams,
    UpstreamSessions,
    build_upstreams,
    start_upstreams,
    upstream_sessions,
)
from routstr.assembly.realtime import with_realtime
from routstr.assembly.relay import paid_routes, repeatable
from routstr.assembly.repeats import build_repeats, start_repeats
from routstr.assembly.selling import build_selling, start_overrides
from routstr.assembly.sharing import Shared, open_shared
from routstr.assembly.signing import show_receipts
from routstr.assembly.tracing import open_tracing
from routstr.assembly.wallet import open_wallet, remind_of_seed
from routstr.assembly.wallet_desk import build_wallet_desk
from routstr.auth.objects import Objects
from routstr.balance.idempotency import Repetition
from routstr.balance.service import BalanceService
from routstr.catalog.override_watch import OverrideWatch
from routstr.catalog.service import Catalog
from routstr.core.cors import Cors
from routstr.core.http import outgoing_session
from routstr.core.logging import get_logger
from routstr.core.mapped_files import give_back
from routstr.core.metrics.telemetry import MeteredLines
from routstr.core.middleware import ManagementShell, RequestLimits
from routstr.core.onion import OnionAddress
from routstr.core.settings import Settings
from routstr.core.tasks import Supervisor
from routstr.core.tracing import Tracer
from routstr.core.traffic import CountedLines
from routstr.ledger import instances
from routstr.ledger.sealer import SEAL_SECONDS, Sealer
from routstr.ledger.service import Ledger
from routstr.ledger.sweep import Sweeper
from routstr.node.endpoints import NodeParts
from routstr.node.health import Health
from routstr.node.paths import PathParts
from routstr.node.provider_health import ProviderHealth
from routstr.payment.alert_board import AlertBoard
from routstr.payment.demand import Demands
from routstr.payment.maintenance import told_with
from routstr.payment.price import PriceFeed
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
LOOK_SECONDS: Final = 0.2
NEEDED_TO_THE_END: Final = frozenset(
    {"heartbeat", "sweep", "recovery", "price", "models", "providers", "overrides", "idempotency"}
)
"""The tasks without which requests that are under way could not end well."""


class Base(NamedTuple):
    """An instance, its books and its wallet."""

    instance: int
    ledger: Ledger
    outgoing: ClientSession
    sessions: UpstreamSessions
    wallet: Wallet
    money: Money
    board: AlertBoard


class Running:
    """Serves until it is closed. ``state`` is what the routes of the application ask for."""

    entrance: ASGIApp
    hot: HotRoutes
    demands: Demands
    feed: PriceFeed | None
    shelf: Shelf
    outgoing: ClientSession
    """Reaches public addresses only: mints, Lightning addresses."""
    providers: ClientSession
    """Reaches stored providers."""
    nostr: Nostr
    _ledger: Ledger
    _sealer: Sealer
    _supervisor: Supervisor
    _tracer: Tracer | None

    def __init__(self, process: Process, settings: Settings, api: FastAPI) -> None:
        """``api`` answers what is no hot route. Nothing is opened before :meth:`open`."""
        self.settings: Final = settings
        self.state: Final = State()
        self.active = 0
        """The requests and connections that have come to it and are not over."""
        self.leaving = False
        self.deadlines: Final = Deadlines()
        self.onion: Final = OnionAddress(settings, process.clock)
        """Where the node is found inside Tor, if anywhere."""
        self._process: Final = process
        self._api: Final = api
        self._stack: Final = AsyncExitStack()

    async def open(self, before: "Running | None" = None) -> None:
        """Begin to work; what was read from elsewhere is taken over from the one ``before``.

        Raises what stops a start; then everything is closed.
        """
        try:
            await self._open(self._stack, before)
        except BaseException:
            await self._stack.aclose()
            raise

    def stops(self) -> bool:
        """Whether it says that requests are to go elsewhere, or refuses them already."""
        return self.leaving or self.hot.draining

    async def retire(self, seconds: float) -> bool:
        """Begin nothing, and wait for what is under way; false: it took longer than ``seconds``."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        self.state.live.close()
        self.state.overview.pulse.close()
        await self._supervisor.stop(STOP_SECONDS, keep=NEEDED_TO_THE_END)
        while self.active or self._ledger.live_holds():
            if loop.time() >= until:
                _log.warning("retired_while_busy", active=self.active)
                return False
            await asyncio.sleep(LOOK_SECONDS)
        return True

    async def close(self) -> None:
        """End everything: what is owed is settled, the instance leaves in good order."""
        await self._stack.aclose()

    async def _open(self, stack: AsyncExitStack, before: "Running | None") -> None:
        settings, process = self.settings, self._process
        clock, node_key, db = process.clock, process.node_key, process.db
        extensions = process.extensions
        catalog, entries = open_catalog(settings, clock, extensions.rules)
        base = await self._open_base(stack, before)
        outgoing, sessions, money = base.outgoing, base.sessions, base.money
        supervisor = self._supervisor = Supervisor(clock)
        stack.push_async_callback(supervisor.stop, STOP_SECONDS)
        known = None if before is None else before.feed
        self.feed = start_prices(settings, catalog, outgoing, clock, supervisor, known)
        stack.push_async_callback(money.offers.close)
        till = checked_till(Till(money.auth, money.x_cashu, base.ledger, money.demands), extensions)
        repetition, once = build_repeats(
            settings, db, node_key, clock, base.instance, money.auth.knows
        )
        shelf = build_shelf(catalog, entries, settings, clock, upstream=sessions, outgoing=outgoing)
        if before is not None:
            shelf.lists.remember(before.shelf.lists)
        self.shelf = shelf
        upstreams = build_upstreams(settings, process, sessions, shelf.follow, base.board)
        overrides = await start_overrides(shelf, db, clock, supervisor)
        await start_upstreams(upstreams, supervisor)
        start_lists(shelf, supervisor)
        objects, router = Objects(db, money.auth, clock), build_router(upstreams.fleet, extensions)
        self._tracer = open_tracing(settings, clock, stack)
        self._wire(
            EndpointParts(settings, objects, catalog, till, router, once, extensions),
            await open_shared(settings, node_key, clock, stack),
        )
        keys = build_keys(settings, db, node_key, clock, money)
        self._show_balances(base, keys, repetition)
        self.state.admin_wallet = build_wallet_desk(
            settings, db, clock, base.wallet, partial(self._another_wallet, base), money, stack
        )
        health = self._show_node(base, catalog, upstreams)
        self._show_sale(catalog, upstreams, sessions, overrides)
        seen = None if before is None else before.state.web
        self.state.web = build_client_pages(settings, catalog, health.check, clock, seen)
        self._start_upkeep(base, objects)
        show_others(
            self.state, settings, clock, outgoing, catalog, self.nostr.npub, supervisor,
            None if before is None else before.state.directory,
        )  # fmt: skip
        self._start_tasks(base, keys, repetition)
        _log.info(
            "started",
            version=__version__,
            database=db.dialect.value,
            mints=base.wallet.mints.urls,
            instance=base.instance,
        )

    def _start_tasks(self, base: Base, keys: Keys, repetition: Repetition) -> None:
        """Begin what goes on in the background about money and keys."""
        settings, supervisor = self.settings, self._supervisor
        start_money(base.money, settings, supervisor)
        start_expiry(keys, supervisor)
        start_live(keys, supervisor)
        start_watch(settings, self._process.db, base.wallet, self._process.clock, supervisor)
        start_repeats(repetition, supervisor)
        start_nostr(self.nostr, settings, self._process, base.outgoing, self.onion.url, supervisor)

    async def _open_base(self, stack: AsyncExitStack, before: "Running | None") -> Base:
        """Be an instance, with books and a wallet."""
        settings, process = self.settings, self._process
        clock, node_key, db = process.clock, process.node_key, process.db
        instance = await db.write(instances.register)
        stack.push_async_callback(db.write, lambda tx: instances.stop(tx, instance))
        books = await Ledger.open_books(db, clock, instance)
        ledger = self._ledger = Ledger(db, clock, instance, books)
        self._sealer = open_sealer(db, clock, instance, node_key, stack)
        stack.push_async_callback(settle_rest, ledger)
        outgoing = await stack.enter_async_context(
            outgoing_session(settings, allow_loopback=settings.allow_insecure_mints)
        )
        sessions = await stack.enter_async_context(upstream_sessions(settings))
        self.outgoing, self.providers = outgoing, sessions.stored
        wallet = await open_wallet(
            settings, db, node_key, instance, outgoing, clock, telemetry=process.telemetry
        )
        stack.push_async_callback(wallet.drain, STOP_SECONDS)
        await remind_of_seed(db)
        known = None if before is None else before.nostr
        self.nostr = build_nostr(settings, db, node_key, clock, outgoing, known)
        board = build_board(settings, db, clock, outgoing, self.nostr.message)
        money = build_money(settings, db, wallet, node_key, clock, outgoing, board)
        self.demands = money.demands
        return Base(instance, ledger, outgoing, sessions, wallet, money, board)

    async def _another_wallet(self, base: Base, unlisted: tuple[str, ...]) -> Wallet:
        """A wallet of this instance that may also speak to mints that are not listed."""
        process = self._process
        return await open_wallet(
            self.settings, process.db, process.node_key, base.instance, base.outgoing,
            process.clock, unlisted=unlisted, telemetry=process.telemetry,
        )  # fmt: skip

    def _start_upkeep(self, base: Base, objects: Objects) -> None:
        sweeper = Sweeper(
            self._process.db,
            base.ledger,
            self._process.clock,
            base.instance,
            self.settings.instance_stale_seconds,
        )

        async def recover() -> None:
            await base.wallet.recover(await sweeper.alive())

        self._supervisor.every("heartbeat", HEARTBEAT_SECONDS, sweeper.beat)
        self._supervisor.every("sweep", SWEEP_SECONDS, sweeper.sweep)
        self._supervisor.every("seal", SEAL_SECONDS, self._sealer.run)
        self._supervisor.every("recovery", RECOVERY_SECONDS, recover)
        start_forgetting(objects, self._supervisor)

    def _show_balances(self, base: Base, keys: Keys, repetition: Repetition) -> None:
        """Give the routes about keys and what is on them what they need."""
        process, state, money = self._process, self.state, base.money
        state.repetition = repetition
        state.keys, state.histories = keys.service, keys.histories
        state.usages, state.live = keys.usages, keys.live
        state.balance = BalanceService(
            process.db, money.auth, money.refunds, money.x_cashu, money.lightning
        )
        state.admin_keys, state.admin_books = build_custody(
            process.db, process.node_key, process.clock, base.wallet, money
        )
        state.admin_logs = LogDesk(process.db, self.settings.log_dir)
        state.lightning = build_lightning(
            self.settings, process.db, base.wallet, process.node_key, process.clock, money
        )

    def _show_node(self, base: Base, catalog: Catalog, upstreams: Upstreams) -> Health:
        """Give the routes about the node and its providers what they need."""
        process, state = self._process, self.state
        health = Health(
            process.db,
            base.wallet.mints,
            catalog,
            ProviderHealth(upstreams.fleet),
            process.clock,
            self._supervisor,
            self.stops,
            told_with(base.money.verifier.deposits),
            lambda: process.db.write(lambda tx: instances.beat(tx, base.instance)),
        )
        self._watch(base, health)
        state.onion = self.onion.url
        pubkey = show_receipts(state, self.nostr.keyring, process, base.money)
        state.node = NodeParts(self.settings, catalog, health, self.onion, self.nostr.npub, pubkey)
        state.admin = upstreams.admin
        show_nostr(state, self.nostr, self.settings, process, self.onion.url)
        state.metrics = build_metrics(
            process, self.settings, upstreams, catalog, base.wallet.mints, self.stops
        )
        state.paths = PathParts(catalog, upstreams.fleet, process.clock)
        return health

    def _show_sale(
        self,
        catalog: Catalog,
        upstreams: Upstreams,
        sessions: UpstreamSessions,
        overrides: OverrideWatch,
    ) -> None:
        """Give the routes about what is sold what they need."""
        process, statistics = self._process, self.state.overview.statistics
        self.state.admin_selling = build_selling(
            self.settings, process.db, process.clock, catalog, self.shelf, overrides,
            upstreams, sessions, statistics,
        )  # fmt: skip

    def _watch(self, base: Base, health: Health) -> None:
        """Add up, look and tell the operator."""
        process, settings = self._process, self.settings
        db, clock, traffic = process.db, process.clock, process.traffic
        desk = self.state.overview = build_overview(db, clock, traffic, base.board, self.stops)
        conditions = build_conditions(
            settings, health, db, clock, lambda: base.money.payouts.problem, self.shelf.lists
        )
        start_overview(desk, conditions, db, clock, traffic, self._supervisor)

    def _wire(self, parts: EndpointParts, shared: Shared) -> None:
        settings, (gate, cache) = self.settings, shared
        process = self._process
        clock, access = process.clock, MeteredLines(process.logs.access, process.telemetry)
        counted = CountedLines(access, process.traffic.counters)
        limits = RequestLimits.of(settings)
        cors = Cors(settings.cors_origins)
        deadlines = self.deadlines

        def shell(app: ASGIApp) -> ManagementShell:
            return ManagementShell(app, limits=limits, cors=cors, access=access, clock=clock)

        forms = FormLimits(settings.upload_bytes_max)
        surroundings = Surroundings(limits, cors, counted, clock, deadlines, forms, self._tracer)
        vocabulary = load_vocabulary()
        if vocabulary is not None:
            give_back(vocabulary)
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
        self.hot = HotRoutes(shell(guard_free(gate, self._api)), routes, surroundings, found)
        entrance = with_realtime(self.hot, parts, surroundings, gate)
        entrance = through_door(entrance, parts.extensions, shell)
        self.entrance = https_only(entrance, self._api, shell, settings)
