"""A running node with everything around it, and a client that speaks plain HTTP to it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from devkit.node import Node, settings
from devkit.prices import BTC_USD, NO_FEES, write_models
from devkit.upstream import PLAYS, Upstream
from routstr.core.db import Database
from routstr.payment.audit import Audit, audit

QUESTION = [{"role": "user", "content": "Say something."}]


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of the node."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - tests look into it
        return msgspec.json.decode(self.body)

    @property
    def error(self) -> tuple[int, str, str | int]:
        """Status, type and code of the error in the envelope."""
        error = self.json["error"]
        return self.status, error["type"], error["code"]

    @property
    def cost(self) -> int:
        """What a paid answer says that it cost, in msat."""
        return int(self.json["usage"]["cost"]["total_msats"])


class Client:
    """Calls one node; ``key`` is whatever belongs behind ``Bearer``."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self.url = url

    async def call(
        self,
        method: str,
        path: str,
        *,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        **body: Any,  # noqa: ANN401 - json, data or params of aiohttp
    ) -> Reply:
        credential = {} if key is None else {"Authorization": f"Bearer {key}"}
        async with self._session.request(
            method, f"{self.url}{path}", headers={**credential, **(headers or {})}, **body
        ) as answer:
            return Reply(answer.status, answer.headers.copy(), await answer.read())

    async def create(self, token: str, **more: object) -> Reply:
        body = {"initial_balance_token": token, **more}
        return await self.call("POST", "/v1/balance/create", json=body)

    async def new_key(self, token: str) -> str:
        """The key that a token makes."""
        made = await self.create(token)
        assert made.status == 200, made.body
        return str(made.json["api_key"])

    async def info(self, key: str) -> Reply:
        return await self.call("GET", "/v1/balance/info", key=key)

    async def balance(self, key: str) -> tuple[int, int]:
        """Available and reserved msat."""
        info = (await self.info(key)).json
        return info["balance"], info["reserved"]

    async def topup(self, key: str, token: str) -> Reply:
        return await self.call("POST", "/v1/balance/topup", key=key, json={"cashu_token": token})

    async def refund(self, key: str) -> Reply:
        return await self.call("POST", "/v1/balance/refund", key=key)

    async def history(self, key: str, **params: str) -> list[dict[str, Any]]:
        reply = await self.call("GET", "/v1/balance/history", key=key, params=params)
        assert reply.status == 200, reply.body
        return list(reply.json["transactions"])

    async def chat(self, key: str | None, model: str = "good", **more: object) -> Reply:
        body = {"model": model, "messages": QUESTION, **more}
        return await self.call("POST", "/v1/chat/completions", key=key, json=body)


@dataclass
class House:
    """A node, its provider, its database, and a client."""

    node: Node
    upstream: Upstream
    database_url: str
    client: Client
    notes: dict[str, str] = field(default_factory=dict)

    async def audit(self) -> Audit:
        """Verify the books where they lie, from outside of the node."""
        db = Database(self.database_url)
        try:
            return await db.read(audit)
        finally:
            db._threads.shutdown()
            db._readers.dispose()

    async def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the node's database."""
        db = Database(self.database_url)
        try:
            return await db.read(lambda c: [tuple(row) for row in c.exec_driver_sql(query)])
        finally:
            db._threads.shutdown()
            db._readers.dispose()

    def logged(self) -> str:
        """All that the node wrote: standard output and log files."""
        files = sorted((self.node.folder / "logs").glob("*"))
        return self.node.output() + "".join(file.read_text() for file in files)


@asynccontextmanager
async def open_house(
    folder: Path,
    database_url: str,
    mints: Sequence[str],
    *,
    more: Mapping[str, str] | None = None,
    healthy: bool = True,
) -> AsyncIterator[House]:
    """Start a node that sells every play at the prices of devkit, without fees."""
    models = write_models(folder / "models.json", PLAYS)
    async with Upstream() as upstream, aiohttp.ClientSession(trust_env=False) as session:
        usual = settings(mints=mints, upstream=upstream.base_url, models=models, btc_usd=BTC_USD)
        everything = {**usual, **NO_FEES, "DATABASE_URL": database_url, **(more or {})}
        node = await Node.start(folder / "node", everything, healthy=healthy)
        try:
            yield House(node, upstream, database_url, Client(session, node.url))
        finally:
            await node.stop(grace_s=5)
