"""A mint that speaks HTTP on loopback and answers as told: well by default, badly on demand."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Self

from aiohttp import web
from aiohttp.test_utils import TestServer

from routstr.wallet.proofs import BlindSignature
from tests.unit.wallet.signing import Signer, prove, sign

Json = dict[str, Any]
Twist = Callable[[Json], Json | web.StreamResponse | Awaitable[Json | web.StreamResponse]]


class FakeMint:
    """``async with FakeMint() as mint``: ``mint.url``; change answers by ``mint.twist[path]``.

    A twist takes the proper answer, and returns another one or a whole response.
    """

    def __init__(self) -> None:
        self.signer = Signer()
        self.twist: dict[str, Twist] = {}
        self.requests: list[tuple[str, str, Json]] = []
        self.headers: list[dict[str, str]] = []
        self.signed: dict[str, Json] = {}
        self.spent: set[str] = set()

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=1 << 24)
        app.router.add_route("*", "/{tail:.*}", self._answer)
        self._server = TestServer(app, host="127.0.0.1")
        await self._server.start_server(shutdown_timeout=0.05)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.close()

    @property
    def url(self) -> str:
        return str(self._server.make_url("/base"))

    def paths(self) -> list[str]:
        return [path for _, path, _ in self.requests]

    def reply(self, path: str, status: int, body: object = None, **headers: str) -> None:
        """Answer a path with this status and JSON body or raw bytes."""

        def respond(_: Json) -> web.Response:
            if isinstance(body, bytes):
                return web.Response(status=status, body=body, headers=headers)
            return web.json_response(body, status=status, headers=headers)

        self.twist[path] = respond

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path = request.raw_path.removeprefix("/base")
        body = await request.json() if request.can_read_body else {}
        self.requests.append((request.method, path, body))
        self.headers.append(dict(request.headers))
        answer: Any = self._proper(path, body)
        for prefix, twist in self.twist.items():
            if path.startswith(prefix):
                answer = twist(answer)
                if asyncio.iscoroutine(answer):
                    answer = await answer
        if answer == "drop":
            assert request.transport
            request.transport.abort()
            return web.Response()
        return answer if isinstance(answer, web.StreamResponse) else web.json_response(answer)

    def _proper(self, path: str, body: Json) -> Json:
        if path == "/v1/info":
            return {"name": "Fake", "version": "Fake/1", "nuts": {"7": {"supported": True}}}
        if path.startswith("/v1/key"):
            return {"keysets": [self._keyset(with_keys=path.startswith("/v1/keys/"))]}
        if path == "/v1/checkstate":
            return {"states": [self._state(y) for y in body["Ys"]]}
        if path == "/v1/restore":
            known = [output for output in body["outputs"] if output["B_"] in self.signed]
            return {"outputs": known, "signatures": [self.signed[o["B_"]] for o in known]}
        if path.startswith("/v1/mint/quote/"):
            quote = {"quote": "mint-quote", "request": "lnbc1", "state": "PAID", "expiry": None}
            return quote | {"amount": body.get("amount", 8), "unit": body.get("unit", "sat")}
        if path.startswith("/v1/melt/quote/"):
            quote = {"quote": "melt-quote", "request": body.get("request", "lnbc1")}
            amounts = {"amount": 5, "fee_reserve": 2, "unit": body.get("unit", "sat")}
            return quote | amounts | {"state": "UNPAID", "expiry": 1_800_000_000}
        if path == "/v1/melt/bolt11":
            change = [self._sign(output | {"amount": 2}) for output in body["outputs"] or []][:1]
            return {"state": "PAID", "payment_preimage": "ab" * 32, "change": change}
        return {"signatures": [self._sign(output) for output in body.get("outputs", [])]}

    def _keyset(self, *, with_keys: bool) -> Json:
        info = self.signer.info
        entry: Json = {"id": info.id, "unit": info.unit, "active": True, "input_fee_ppk": None}
        if with_keys:
            entry["keys"] = {str(a): key.hex() for a, key in self.signer.keyset.keys.items()}
        return entry

    def _state(self, y: str) -> Json:
        return {"Y": y, "state": "SPENT" if y in self.spent else "UNSPENT", "witness": None}

    def _sign(self, output: Json) -> Json:
        private = self.signer.private[output["amount"]]
        blinded = bytes.fromhex(output["B_"])
        signature = BlindSignature(output["amount"], output["id"], sign(private, blinded))
        dleq = prove(private, blinded)
        answer = {
            "amount": signature.amount,
            "id": signature.keyset_id,
            "C_": signature.signed.hex(),
            "dleq": {"e": dleq.e.hex(), "s": dleq.s.hex()},
        }
        self.signed[output["B_"]] = answer
        return answer
