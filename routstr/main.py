"""The composition root: builds the node, and says which part of it serves."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI
from starlette.types import Message, Receive, Scope, Send

from routstr.admin import access, access_endpoints, providers
from routstr.admin.books import routes as book_routes
from routstr.admin.keys import routes as key_routes
from routstr.admin.logs import routes as log_routes
from routstr.admin.nostr import endpoints as nostr_endpoints
from routstr.admin.nostr import network_endpoints
from routstr.admin.overview import endpoints as overview_endpoints
from routstr.admin.selling import endpoints as selling_endpoints
from routstr.admin.settings import endpoints as settings_endpoints
from routstr.admin.wallet import endpoints as wallet_endpoints
from routstr.assembly.access import SetupParts, build_first_run, tell_of_setup
from routstr.assembly.document import Api
from routstr.assembly.metrics import start_metrics
from routstr.assembly.options import build_options, start_options
from routstr.assembly.pages import add_pages, build_theme, show_site
from routstr.assembly.process import open_process
from routstr.assembly.running import STOP_SECONDS, Running
from routstr.assembly.succession import START_PROBLEMS, Succession
from routstr.balance import endpoints as balance_endpoints
from routstr.balance import key_endpoints, live, receipts, usage
from routstr.balance import lightning as lightning_endpoints
from routstr.core.clock import Clock, SystemClock
from routstr.core.db import Backend
from routstr.core.late_route import include
from routstr.core.logging import Logs, get_logger, start_logging
from routstr.core.options.service import Options
from routstr.core.rendering import install_error_handlers
from routstr.core.settings import Settings, load_settings
from routstr.core.tasks import Supervisor
from routstr.discovery import endpoints as directory_endpoints
from routstr.errors import PaymentError
from routstr.node import endpoints as node_endpoints
from routstr.node import metrics, paths
from routstr.version import __version__

_log = get_logger(__name__)


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
        self._succession: Succession | None = None
        self.running: Running | None = None
        """What serves now; a change of the settings replaces it."""
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
        add_pages(self.api)  # first: where programs get JSON a browser gets a page
        for prefix in ("/v1/balance", "/v1/wallet"):
            hidden = prefix != "/v1/balance"
            for router in (
                balance_endpoints.router, key_endpoints.router, usage.router, live.router
            ):  # fmt: skip
                include(self.api, router, prefix, shown=not hidden)
        for prefix in lightning_endpoints.PREFIXES:
            hidden = prefix != lightning_endpoints.PREFIXES[0]
            include(self.api, lightning_endpoints.router, prefix, shown=not hidden)
        for router in (
            access.router, access_endpoints.router, providers.router, paths.router,
            node_endpoints.router, receipts.router, metrics.router, key_routes.router,
            book_routes.router,
            settings_endpoints.router, nostr_endpoints.router, network_endpoints.router,
            wallet_endpoints.router, directory_endpoints.router,
            overview_endpoints.router, selling_endpoints.router, log_routes.router,
        ):  # fmt: skip
            include(self.api, router)
        self.api.post_only()
        self.options: Options | None = None
        """The stored settings, once it has started."""
        self._setup: SetupParts | None = None
        self._setup_path: str | None = None
        self.prints = True
        """Whether it tells by itself, at its start, how it is set up; else whoever serves it."""
        self.worker: int | None = None
        """Its number among the processes that share an address."""
        self._theme = build_theme(settings)
        self.api.state.theme = self._theme

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's event."""
        if scope["type"] == "lifespan":
            await self.api(scope, receive, self._telling(send))
            return
        running = self.running
        if running is None:
            await self.api(scope, receive, send)
            return
        running.active += 1
        try:
            await running.entrance(scope, receive, send)
        finally:
            running.active -= 1

    def _telling(self, send: Send) -> Send:
        """Tell the server why the start failed in one line instead of a traceback."""

        async def tell(message: Message) -> None:
            if message["type"] == "lifespan.startup.failed" and self.start_problem:
                message = {**message, "message": self.start_problem}
            await send(message)

        return tell

    async def _demand(self, error: PaymentError) -> None:
        """Add to an error of the management API what would settle it."""
        if self.running is not None:
            await self.running.demands.complete(error)

    def tell_of_setup(self, host: str, port: int) -> None:
        """Print the link with which a new node is set up, if it is one."""
        if self._setup_path is not None:
            tell_of_setup(self._setup_path, self.settings, host, port)

    def leave(self) -> None:
        """Say from now on that requests are to go elsewhere; those that come are served."""
        if self._succession is not None:
            self._succession.leave()

    def drain(self) -> None:
        """Refuse new paid requests from now on; those under way go on."""
        if self._succession is not None:
            self._succession.drain()

    def cut_short(self) -> None:
        """End the requests that are under way as they stand, and tell their clients."""
        if self._succession is not None:
            self._succession.cut_short()

    @asynccontextmanager
    async def _lifespan(self, _api: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            logs = start_logging(self.settings, self._clock, worker=self.worker)
            stack.callback(logs.close)
            try:
                await self._open(stack, logs)
            except START_PROBLEMS as problem:
                self.start_problem = f"The node cannot start: {problem}"
                _log.critical("start_failed", reason=str(problem), exc_info=True)
                raise
            if self.prints:
                self.tell_of_setup(self.settings.host, self.settings.port)
            yield
            self.drain()
            _log.info("stopping")

    async def _open(self, stack: AsyncExitStack, logs: Logs) -> None:
        process = await open_process(self.settings, self._clock, logs, self._backend, stack)
        self.api.dialects = process.extensions.dialects
        self.api.pieces = process.extensions.pieces
        succession = self._succession = Succession(process, self.api, self._install)
        stack.push_async_callback(succession.close)
        options = self.options = build_options(process, succession)
        first_run = build_first_run(process)
        self._setup = SetupParts(process, options, first_run, self)
        await succession.take_over(await options.load())
        self._setup_path = await first_run.open()
        if self._setup_path is not None:
            _log.warning("not_set_up", hint="open the link that the console shows in a browser")
        supervisor = Supervisor(self._clock)
        stack.push_async_callback(supervisor.stop, STOP_SECONDS)
        start_options(options, supervisor)
        start_metrics(process, supervisor)

    def _install(self, running: Running) -> None:
        """Let every request come to this one from now on."""
        settings = self.settings = running.settings
        self.api.title, self.api.description = settings.name, settings.description
        self.api.openapi_schema = None
        show_site(self._theme, settings)
        running.state.theme, running.state.options = self._theme, self.options
        if self._setup is not None:
            running.state.setup = self._setup.desk(
                settings, running.state.admin, running.outgoing, running.providers
            )
        self.api.state = running.state
        self.running = running


def create_app(
    settings: Settings, *, clock: Clock | None = None, backend: Backend | None = None
) -> App:
    """Build the node for these settings; it opens nothing before its lifespan starts."""
    return App(settings, clock=clock, backend=backend)


def app_from_environment() -> App:
    """Build the node that the environment and ``.env`` describe."""
    return create_app(load_settings())
