"""A running node with everything around it, and a client that speaks plain HTTP to it.

The node's limits are small enough to be reached in a test.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from devkit.node import Node, settings
from devkit.prices import (
    AUDIO_INPUT_MSAT,
    AUDIO_OUTPUT_MSAT,
    BTC_USD,
    CACHE_READ_MSAT,
    COMPLETION_MSAT,
    NO_FEES,
    PIECES,
    PRICING,
    PROMPT_MSAT,
    TALKING,
    write_models,
)
from devkit.upstream import PLAYS, Upstream
from routstr.core.db import Database
from routstr.errors import WalletError
from routstr.payment.audit import Audit, audit
from routstr.wallet import token

QUESTION = [{"role": "user", "content": "Say something."}]

EXACT = "exact"
"""A model whose prompt is free and whose answers have six words: its price is known before."""
EXACT_MSAT = 1 + 6 * COMPLETION_MSAT
"""The least price of a request (MIN_REQUEST_MSAT) is part of it."""
EXACT_LIMIT = 6
TALKS = "talks"
"""A model for conversations (``/v1/realtime``)."""
TALK_MSAT = (
    1
    + 8 * PROMPT_MSAT
    + 6 * AUDIO_INPUT_MSAT
    + 6 * CACHE_READ_MSAT
    + 6 * COMPLETION_MSAT
    + 10 * AUDIO_OUTPUT_MSAT
)
"""What a response of the played conversation costs."""
BODY_BYTES_MAX = 256 * 1024
_SMALL_LIMITS = {
    "DISCONNECT_DRAIN_SECONDS": "1",
    "REQUEST_BODY_BYTES_MAX": str(BODY_BYTES_MAX),
    "RESPONSE_BYTES_MAX": str(1 << 20),
    "UPSTREAM_FIRST_BYTE_SECONDS": "3",
    "UPSTREAM_IDLE_SECONDS": "3",
}
_SECRET_CHARS = 20
_CHANGE = re.compile(r'"change":"(cashuB[^"]+)"')
_FREE_PROMPT = {"prompt": "0", "completion": PRICING["completion"]}


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of the node."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def error(self) -> tuple[int, str, str | int]:
        """Status, type and code of the error in the envelope."""
        error = self.json["error"]
        return self.status, error["type"], error["code"]

    @property
    def message(self) -> str:
        """The error's words."""
        return str(self.json["error"]["message"])

    @property
    def cost(self) -> int:
        """What a paid answer says that it cost, in msat."""
        return int(self.json["usage"]["cost"]["total_msats"])


class Client:
    """Calls one node; ``key`` is whatever belongs behind ``Bearer``.

    ``secrets`` gathers every key and token that went over the wire, in either direction.
    """

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self.url = url
        self.secrets: set[str] = set()

    async def call(
        self,
        method: str,
        path: str,
        *,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        **body: Any,
    ) -> Reply:
        credential = {} if key is None else {"Authorization": f"Bearer {key}"}
        self._note((headers or {}).get("X-Cashu"))
        self._note(key, *(body.get("json") or {}).values(), *(body.get("params") or {}).values())
        async with self._session.request(
            method, f"{self.url}{path}", headers={**credential, **(headers or {})}, **body
        ) as answer:
            reply = Reply(answer.status, answer.headers.copy(), await answer.read())
        self._note(reply.headers.get("X-Cashu"), *_CHANGE.findall(reply.body.decode("latin-1")))
        if reply.status == HTTPStatus.OK and reply.body.startswith(b"{"):
            self._note(*(reply.json.get(name) for name in ("api_key", "token")))
            for tokens in (reply.json.get("tokens", ()), reply.json.get("earlier", ())):
                self._note(*(one.get("token") for one in tokens))
        return reply

    def _note(self, *values: object) -> None:
        texts = (value for value in values if isinstance(value, str))
        self.secrets.update(text for text in texts if text.startswith(("sk-", "cashu")))

    async def create(self, text: str, **more: object) -> Reply:
        body = {"initial_balance_token": text, **more}
        return await self.call("POST", "/v1/balance/create", json=body)

    async def new_key(self, text: str) -> str:
        """The key that a token makes."""
        made = await self.create(text)
        assert made.status == 200, made.body
        return str(made.json["api_key"])

    async def info(self, key: str) -> Reply:
        return await self.call("GET", "/v1/balance/info", key=key)

    async def balance(self, key: str) -> tuple[int, int]:
        """Available and reserved msat."""
        info = (await self.info(key)).json
        return info["balance"], info["reserved"]

    async def topup(self, key: str, text: str) -> Reply:
        return await self.call("POST", "/v1/balance/topup", key=key, json={"cashu_token": text})

    async def wait_for_hold(self, key: str, *, held: bool) -> None:
        """Wait until a request of this key is running, or until none is any more."""
        async with asyncio.timeout(10):
            while bool((await self.balance(key))[1]) is not held:  # noqa: ASYNC110 - of a process
                await asyncio.sleep(0.02)

    async def refund(self, key: str) -> Reply:
        return await self.call("POST", "/v1/balance/refund", key=key)

    async def history(self, key: str, **params: str) -> list[dict[str, Any]]:
        reply = await self.call("GET", "/v1/balance/history", key=key, params=params)
        assert reply.status == 200, reply.body
        return list(reply.json["transactions"])

    async def pay(self, text: str, model: str = "good", **more: object) -> Reply:
        """A chat that is paid with a token for it alone."""
        body = {"model": model, "messages": QUESTION, **more}
        headers = {"X-Cashu": text}
        return await self.call("POST", "/v1/chat/completions", headers=headers, json=body)

    async def claim(self, text: str) -> Reply:
        """Ask for the change of what a token paid."""
        return await self.call("POST", "/v1/wallet/refund", headers={"X-Cashu": text})

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

    def leaks(self) -> list[str]:
        """Which keys, tokens and secrets of proofs that went over the wire stand in the logs.

        Their beginning is enough to count.
        """
        logged = self.logged()
        secrets = [text for text in self.client.secrets if len(text) > _SECRET_CHARS]
        fragments = {text[:_SECRET_CHARS] for text in secrets}
        fragments |= {text[3:_SECRET_CHARS] for text in secrets if text.startswith("sk-")}
        for text in secrets:
            with suppress(WalletError):  # what was no token in the first place
                fragments |= {proof.secret for proof in token.decode(text).proofs}
        return sorted(fragment for fragment in fragments if fragment in logged)


def _models(folder: Path) -> Path:
    path = folder / "models.json"
    data = json.loads(write_models(path, PLAYS).read_text())["data"]
    for name, pricing in {EXACT: _FREE_PROMPT, TALKS: TALKING, **PIECES}.items():
        data += json.loads(write_models(path, [name], pricing=pricing).read_text())["data"]
    path.write_text(json.dumps({"data": data}))
    return path


@asynccontextmanager
async def open_house(
    folder: Path,
    database_url: str,
    mints: Sequence[str],
    *,
    more: Mapping[str, str] | None = None,
    healthy: bool = True,
    workers: int = 1,
) -> AsyncIterator[House]:
    """Start a node that sells every play at the prices of devkit, without fees."""
    models = _models(folder)
    # the client lets an idle connection go before the node does, which closes it after five seconds
    connector = aiohttp.TCPConnector(keepalive_timeout=2)
    client = aiohttp.ClientSession(connector=connector, trust_env=False)
    async with Upstream() as upstream, client as session:
        usual = settings(mints=mints, upstream=upstream.base_url, models=models, btc_usd=BTC_USD)
        own = {
            **NO_FEES,
            **_SMALL_LIMITS,
            "DATABASE_URL": database_url,
            "METRICS_NETWORKS": "127.0.0.1",
        }
        everything = {**usual, **own, **(more or {})}
        node = await Node.start(folder / "node", everything, healthy=healthy, workers=workers)
        try:
            yield House(node, upstream, database_url, Client(session, node.url))
        finally:
            await node.stop(grace_s=5)
