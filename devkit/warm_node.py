"""What a node and its commands have done once by the time they are up, for a nursery of nodes.

Half of a node's start is neither its imports nor its work, but what libraries put off to the first
use. So a whole node lives and is asked a little here before any other is forked: on a database of
its own, inside the nursery's process, which keeps neither its threads nor its connections.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, redirect_stdout
from importlib import import_module
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any, Final

from devkit.node import settings
from devkit.prices import BTC_USD, write_models
from routstr.cli import verification
from routstr.core.settings import load_settings
from routstr.main import App, create_app
from routstr.payment.tokens import load_vocabulary

_NEEDED: Final = (
    *("alembic.command", "encodings.idna", "psycopg", "typer._adapters", "uvloop"),
    *("sqlalchemy.dialects.postgresql.psycopg", "uvicorn.lifespan.on", "uvicorn.loops.auto"),
    *("uvicorn.protocols.http.auto", "uvicorn.protocols.http.httptools_impl"),
    *("uvicorn.protocols.websockets.auto", "routstr.cli.server"),
)
_NOWHERE: Final = "http://127.0.0.1:1"
_CHAT: Final = b'{"model": "good", "messages": [{"role": "user", "content": "Hi"}], "stream": true}'
_REQUESTS: Final[tuple[tuple[str, str, bytes], ...]] = (
    ("GET", "/v1/info", b""),
    ("GET", "/v1/models", b""),
    ("GET", "/v1/balance/info", b""),
    ("POST", "/v1/balance/create", b'{"initial_balance_token": "cashuB"}'),
    ("POST", "/v1/balance/topup", b'{"cashu_token": "cashuB"}'),
    ("POST", "/v1/balance/refund", b"{}"),
    ("POST", "/v1/chat/completions", _CHAT),
)

Message = dict[str, Any]


def rehearse() -> None:
    """Let a node live for a moment, and its books be verified."""
    with tempfile.TemporaryDirectory(prefix="routstr-warm-") as name:
        folder = Path(name)
        environment = {
            **settings(
                mints=[_NOWHERE],
                upstream=f"{_NOWHERE}/v1",
                models=write_models(folder / "models.json", ["good"]),
                btc_usd=BTC_USD,
            ),
            "DATABASE_URL": f"sqlite:///{folder / 'routstr.db'}",
            "ROUTSTR_SECRET_KEY": "5e" * 32,
            "LOG_DIR": str(folder / "logs"),
        }
        given = load_settings(environment, folder / ".env")
        with redirect_stdout(TextIOWrapper(BytesIO())):
            asyncio.run(_live(create_app(given)))
            verification.run(given, full=True, rebase=False, json=True)


async def _live(app: App) -> None:
    async with _up(app):
        for method, path, body in _REQUESTS:
            await _ask(app, method, path, body)


@asynccontextmanager
async def _up(app: App) -> AsyncIterator[None]:
    """Be the server that starts and stops the application, as ASGI's lifespan protocol has it."""
    orders: asyncio.Queue[Message] = asyncio.Queue()
    answers: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
    living = asyncio.create_task(app(scope, orders.get, answers.put))
    try:
        for moment in ("startup", "shutdown"):
            orders.put_nowait({"type": f"lifespan.{moment}"})
            answer = await answers.get()
            if not str(answer["type"]).endswith(".complete"):
                raise RuntimeError(f"the node did not live: {answer}")
            if moment == "startup":
                yield
    finally:
        await living


async def _ask(app: App, method: str, path: str, body: bytes) -> None:
    """Be a client that does not look at the answer."""
    headers = {"host": "node", "content-type": "application/json", "content-length": len(body)}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(name.encode(), str(value).encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
    }
    parts: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if parts:
            return parts.pop()
        await asyncio.Event().wait()  # the client stays
        raise AssertionError

    async def send(_: Mapping[str, Any]) -> None:
        return

    await app(scope, receive, send)


for module in _NEEDED:
    import_module(module)
load_vocabulary()
rehearse()
