"""A whole node inside of the test's own process: its database's backend and clock are the test's.

It is served by uvicorn on the test's event loop, with a played provider and a real mint.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import cast

import aiohttp
import uvicorn

from devkit.node import Node, settings
from devkit.ports import LOOPBACK
from devkit.prices import BTC_USD, NO_FEES, PRICING, write_models
from devkit.upstream import Upstream
from routstr.core.clock import Clock
from routstr.core.db import Backend
from routstr.core.settings import Settings
from routstr.main import App, create_app
from tests.integration.money.house import EXACT, Client, House


@asynccontextmanager
async def served(app: App) -> AsyncIterator[str]:
    """Serve an application until the end of the block; its URL."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on"))
        serving = asyncio.create_task(_serve(server, listener))
        while not server.started:
            assert not serving.done(), app.start_problem
            await asyncio.sleep(0.01)
        try:
            yield f"http://{LOOPBACK}:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


async def _serve(server: uvicorn.Server, listener: socket.socket) -> None:
    with suppress(SystemExit):  # so uvicorn says that the application did not start
        await server.serve([listener])


@asynccontextmanager
async def open_inner(
    folder: Path,
    database_url: str,
    mint: str,
    *,
    backend: Backend | None = None,
    clock: Clock | None = None,
    more: Mapping[str, str] | None = None,
) -> AsyncIterator[House]:
    """A node that sells one model, whose answers cost ``EXACT_MSAT``; started again, it goes on."""
    pricing = {"prompt": "0", "completion": PRICING["completion"]}
    models = write_models(folder / "models.json", [EXACT], pricing=pricing)
    client = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(keepalive_timeout=2), trust_env=False
    )
    async with Upstream() as upstream, client as session:
        usual = settings(mints=[mint], upstream=upstream.base_url, models=models, btc_usd=BTC_USD)
        own = {
            "DATABASE_URL": database_url,
            "ROUTSTR_SECRET_KEY_FILE": str(folder / "routstr_secret.key"),
            "LOG_DIR": str(folder / "logs"),
            "ENABLE_CONSOLE_LOGGING": "false",
        }
        everything = {**usual, **NO_FEES, **own, **(more or {})}
        chosen = Settings(**{name.lower(): value for name, value in everything.items()})  # type: ignore[arg-type]  # as in .env
        app = create_app(chosen, clock=clock, backend=backend)
        async with served(app) as url:
            yield House(cast("Node", None), upstream, database_url, Client(session, url))
