"""Two nodes, PostgreSQL, two mints and three providers, with a proxy before each of these."""

import asyncio
import json
import resource
import secrets
import signal
import sqlite3
from collections.abc import Mapping
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Any, Final, Self

import aiohttp

from devkit.environment import python, python_path
from devkit.mint import Mint
from devkit.node import settings
from devkit.payer import Payer
from devkit.ports import LOOPBACK, free_port
from devkit.postgres import Postgres, database_name
from devkit.prices import BTC_USD, NO_FEES, PRICING
from devkit.processes import Child, Program
from devkit.upstream import Upstream
from tests.chaos.identity import mark_in, speak
from tests.chaos.node import OFFSET
from tests.chaos.plan import DATABASE_LINES, MINTS, NODES, PROVIDERS
from tests.chaos.proxy import Proxy
from tests.crash.books import Books

MODEL: Final = "shared"
STALE_S: Final = 12
_PASSWORD: Final = "correct horse"
_START_S: Final = 90.0
_SOCKET: Final = ".s.PGSQL.5432"
_OUTSTANDING: Final = """
SELECT (SELECT coalesce(sum(amount), 0) FROM promises WHERE c_ IS NOT NULL)
     - (SELECT coalesce(sum(amount), 0) FROM proofs_used)
"""


class Instance:
    """A node at a port of its own; what it has on the disk survives it."""

    def __init__(self, name: str, folder: Path, given: Mapping[str, str]) -> None:
        self.name: Final = name
        self.port: Final = free_port()
        self.folder: Final = folder / name
        self._settings: Final = {**given, "LOG_DIR": str(self.folder / "logs")}

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    async def start(self) -> None:
        """Start it and wait until it answers, well or not."""
        address = ("--host", LOOPBACK, "--port", str(self.port))
        command = [python(), "-m", "tests.chaos.node", *address]
        environment = {**python_path(), **self._settings}
        self.child = Child(Program(self.name, command, self.folder, environment))
        await self.child.wait_for_answer(
            self.port, "/health", accept=lambda answer: bool(answer.status), limit_s=_START_S
        )

    def kill(self) -> int:
        """SIGKILL; the exit status, which is another one if it had ended before."""
        return self.child.kill()

    def pause(self, *, on: bool) -> None:
        self.child.signal(signal.SIGSTOP if on else signal.SIGCONT)

    def fill_disk(self, *, on: bool) -> None:
        """Let every write to a file fail (RLIMIT_FSIZE: EFBIG), as on a full disk."""
        if self.child.running:
            _, hard = resource.prlimit(self.child.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(self.child.pid, resource.RLIMIT_FSIZE, (0 if on else hard, hard))

    def jump(self, seconds: int) -> None:
        """Let its wall clock be wrong by so much."""
        (self.folder / OFFSET).write_text(str(seconds))

    async def verify(self) -> tuple[int, str]:
        """``routstr verify`` with the mints asked."""
        command = [python(), "-m", "routstr", "verify", "--mints"]
        environment = {**python_path(), **self._settings}
        child = Child(Program("verify", command, self.folder, environment))
        status = await child.wait(limit_s=_START_S)
        return status, child.log.read_text()


class World:
    """All that runs. ``async with``."""

    def __init__(self, folder: Path) -> None:
        self.folder: Final = folder
        self._stack: Final = AsyncExitStack()
        self.upstreams: Final[dict[str, Upstream]] = {}
        self.mints: Final[dict[str, Mint]] = {}
        self.payers: Final[dict[str, Payer]] = {}
        self.proxies: Final[dict[str, Proxy]] = {}
        self.nodes: Final[dict[str, Instance]] = {}

    async def __aenter__(self) -> Self:
        try:
            await self._open()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def served(self) -> set[str]:
        """The marks of all requests that a provider has seen."""
        requests = [seen for one in self.upstreams.values() for seen in one.requests]
        return {mark_in(seen.json["messages"][0]["content"]) for seen in requests}

    def outstanding(self, mint: str) -> int:
        """Signed and not redeemed, in sat, by the mint's own database."""
        (path,) = (self.folder / mint).rglob("mint.sqlite3")
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as raw:
            return int(raw.execute(_OUTSTANDING).fetchone()[0])

    async def _open(self) -> None:
        enter = self._stack.enter_async_context
        connector = aiohttp.TCPConnector(force_close=True)
        self.session = await enter(aiohttp.ClientSession(connector=connector, trust_env=False))
        self.postgres = await Postgres.start()
        self._stack.push_async_callback(self.postgres.stop)
        url = self.postgres.create_database()
        self.books = Books(url)
        for name in PROVIDERS:
            self.upstreams[name] = await enter(Upstream(speak()))
            port = int(self.upstreams[name].base_url.rpartition(":")[2].partition("/")[0])
            await self._proxied(name, port)
        for name in MINTS:
            self.mints[name] = mint = await Mint.start(self.folder / name, name=name)
            self._stack.push_async_callback(mint.stop)
            proxy = await self._proxied(name, mint.port)
            self.payers[name] = await enter(Payer(f"http://{LOOPBACK}:{proxy.port}"))
        common = self._settings()
        socket = str(self.postgres.folder / _SOCKET)
        for name, line in zip(NODES, DATABASE_LINES, strict=True):
            proxy = await self._proxied(line, socket)
            place = f"postgres@{LOOPBACK}:{proxy.port}/{database_name(url)}"
            given = {**common, "DATABASE_URL": f"postgresql+psycopg://{place}"}
            self.nodes[name] = node = Instance(name, self.folder, given)
            await node.start()
            self._stack.push_async_callback(_stop, node)
        for name in PROVIDERS[1:]:
            await self._add(name)

    async def _proxied(self, name: str, target: int | str) -> Proxy:
        proxy = await self._stack.enter_async_context(Proxy(target))
        self.proxies[name] = proxy
        return proxy

    def _settings(self) -> dict[str, str]:
        return {
            **settings(
                mints=[payer.mint_url for payer in self.payers.values()],
                upstream=f"http://{LOOPBACK}:{self.proxies[PROVIDERS[0]].port}/v1",
                models=self._models(),
                btc_usd=BTC_USD,
            ),
            **NO_FEES,
            "ADMIN_PASSWORD": _PASSWORD,
            "INSTANCE_STALE_SECONDS": str(STALE_S),
            "ROUTSTR_SECRET_KEY": secrets.token_hex(32),
            "UPSTREAM_FIRST_BYTE_SECONDS": "4",
            "UPSTREAM_IDLE_SECONDS": "4",
            "UPSTREAM_NAME": PROVIDERS[0],
            "UPSTREAM_REST_SECONDS": "0.5",
        }

    def _models(self) -> Path:
        top = {"context_length": 8_192, "max_completion_tokens": 1_024}
        same = {"id": MODEL, "name": MODEL, "pricing": PRICING, "top_provider": top}
        others = [{**same, "provider": name} for name in PROVIDERS[1:]]
        path = self.folder / "models.json"
        path.write_text(json.dumps({"data": [same, *others]}))
        return path

    async def _add(self, name: str) -> None:
        url = next(iter(self.nodes.values())).url
        login = await self._told(f"{url}/admin/api/login", {"password": _PASSWORD})
        base = f"http://{LOOPBACK}:{self.proxies[name].port}/v1"
        body = {"provider_type": "vllm", "slug": name, "base_url": base, "api_key": f"key-{name}"}
        await self._told(f"{url}/admin/api/upstream-providers", body, str(login["token"]))

    async def _told(self, url: str, body: Mapping[str, str], token: str = "") -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with self.session.post(url, json=body, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            return dict(await answer.json())


async def _stop(node: Instance) -> None:
    node.pause(on=False)
    await asyncio.shield(node.child.stop(grace_s=10))
