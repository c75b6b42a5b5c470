"""A Lightning address on loopback that can misbehave (LUD-06, 16).

``async with LnurlServer() as bob``: ``bob.address`` takes any amount and answers with real
invoices, which a mint's fake backend pays. ``bob.play`` says what goes wrong instead.
"""

import asyncio
import hashlib
import json
from typing import Any, Final, Literal, Self

from aiohttp import web

from devkit.invoices import make_invoice
from devkit.ports import LOOPBACK

Play = Literal[
    "honest",
    "another amount",
    "another description",
    "another tag",
    "callback elsewhere",
    "compressed",
    "expired",
    "giant",
    "garbage",
    "no invoice",
    "not found",
    "redirect",
    "refuses",
    "slow",
]
SLOW_S: Final = 30.0
GIANT_BYTES: Final = 8 * 1024 * 1024
METADATA: Final = json.dumps([["text/plain", "a cup of coffee"]])
_HIDDEN: Final = "/hidden"


class LnurlServer:
    """Serves one address. ``asked`` are the amounts (msat) that invoices were made for."""

    def __init__(self, *, least_msat: int = 1_000, most_msat: int = 10**12) -> None:
        self.play: Play = "honest"
        self.least_msat = least_msat
        self.most_msat = most_msat
        self.asked: list[int] = []
        self.paths: list[str] = []
        self._port = 0

    @property
    def address(self) -> str:
        return f"bob@{LOOPBACK}:{self._port}"

    @property
    def was_led_astray(self) -> bool:
        """Whether somebody followed a redirect."""
        return _HIDDEN in self.paths

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/{tail:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.05)
        await self._runner.setup()
        site = web.TCPSite(self._runner, LOOPBACK, 0)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.paths.append(request.path)
        match self.play:
            case "slow":
                await asyncio.sleep(SLOW_S)
            case "redirect" if request.path != _HIDDEN:
                raise web.HTTPFound(f"http://{LOOPBACK}:{self._port}{_HIDDEN}")
            case "giant":
                return web.Response(body=b" " * GIANT_BYTES, content_type="application/json")
            case "garbage":
                return web.Response(body=b'{"tag": "payRequest", "callba')
            case "not found":
                raise web.HTTPNotFound
            case "refuses":
                return web.json_response({"status": "ERROR", "reason": "Bob is\nout."})
            case "compressed":
                response = web.json_response(self._parameters())
                response.enable_compression(web.ContentCoding.gzip)
                return response
            case _:
                pass
        if request.path.startswith("/.well-known/lnurlp/"):
            return web.json_response(self._parameters())
        return web.json_response({"pr": self._invoice(int(request.query["amount"])), "routes": []})

    def _parameters(self) -> dict[str, Any]:
        callback = f"http://{LOOPBACK}:{self._port}/pay?for=bob"
        return {
            "tag": "withdrawRequest" if self.play == "another tag" else "payRequest",
            "callback": "http://10.0.0.1/pay" if self.play == "callback elsewhere" else callback,
            "minSendable": self.least_msat,
            "maxSendable": self.most_msat,
            "metadata": METADATA,
        }

    def _invoice(self, amount_msat: int) -> str:
        self.asked.append(amount_msat)
        words = "something else" if self.play == "another description" else METADATA
        digest = hashlib.sha256(words.encode()).digest()
        wrong = 2 if self.play == "another amount" else 1
        expiry_s = 0 if self.play == "expired" else 3_600
        invoice = make_invoice(amount_msat * wrong, description_hash=digest, expiry_s=expiry_s)
        return "lnbc1nonsense" if self.play == "no invoice" else invoice
