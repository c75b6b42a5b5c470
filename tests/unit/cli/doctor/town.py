"""Everybody whom the doctor asks, on one played server; each place can be spoilt."""

import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from typing import Any

from aiohttp import web

from routstr.cli.doctor.examination import Examined, examine
from routstr.cli.doctor.findings import Finding
from routstr.cli.doctor.patient import Ports
from routstr.cli.doctor.registry import CHECKS
from routstr.core.clock import SystemClock
from routstr.core.settings import Settings
from routstr.payment.price_sources import PriceSource

BOLT11 = {"method": "bolt11", "unit": "sat", "min_amount": 1, "max_amount": 500}
NUTS = {
    **{nut: {"methods": [BOLT11], "disabled": False} for nut in ("4", "5")},
    **{nut: {"supported": True} for nut in ("7", "9", "12")},
}
OFFER = {
    "tag": "payRequest",
    "callback": "https://pay.example/cb",
    "minSendable": 1_000,
    "maxSendable": 1_000_000_000,
    "metadata": "[]",
}
PRICED = {"prompt": "0.000001", "completion": "0.000002"}


def keysets(unit: str) -> dict[str, Any]:
    return {"keysets": [{"id": "00" + "1" * 14, "unit": unit, "active": True, "input_fee_ppk": 0}]}


def models(**pricing: str) -> dict[str, Any]:
    return {"data": [{"id": "m", "name": "M", "context_length": 1_000, "pricing": pricing}]}


@dataclass
class Town:
    """``answers`` by path: status and JSON. ``late_s`` is how far ahead their clocks are."""

    url: str
    folder: Path
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    late_s: float = 0
    free: int = 50 * 1024**3
    changed: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.answers |= {
            "/mint/v1/info": (200, {"name": "mint", "version": "x/1", "nuts": NUTS}),
            "/mint/v1/keysets": (200, keysets("sat")),
            "/llm/v1/models": (200, models()),
            "/here/v1/info": (200, {}),
            "/.well-known/lnurlp/me": (200, OFFER),
            "/one": (200, {"usd": 100_000}),
            "/two": (200, {"usd": 100_001}),
        }

    @property
    def settings(self) -> Settings:
        models_file = self.folder / "models.json"
        if not models_file.exists():
            models_file.write_text(json.dumps(models(**PRICED)))
        place = self.url.removeprefix("http://")
        usual = {
            "allow_insecure_mints": True,
            "database_url": f"sqlite:///{self.folder}/node.db",
            "cashu_mints": f"{self.url}/mint",
            "upstream_base_url": f"{self.url}/llm/v1",
            "upstream_api_key": "sk-planted",
            "models_path": str(models_file),
            "receive_ln_address": f"me@{place}",
            "http_url": f"{self.url}/here",
            "port": 0,
        }
        return Settings(**{**usual, **self.changed})

    @property
    def ports(self) -> Ports:
        sources = [PriceSource(name, f"{self.url}/{name}", ("usd",)) for name in ("one", "two")]
        return Ports(SystemClock(), sources, lambda _: self.free)

    async def examine(self) -> list[Examined]:
        return await examine(self.settings, self.ports)

    async def found(self, check: str) -> list[Finding]:
        """What one of the checks outside finds."""
        chosen = [one for one in CHECKS if one.name == check]
        told = await examine(self.settings, self.ports, checks=chosen)
        return [one.finding for one in told if one.check == check]

    async def _answer(self, request: web.Request) -> web.Response:
        status, body = self.answers.get(request.path, (404, {}))
        now = SystemClock().now_ms() / 1_000 + self.late_s
        return web.json_response(
            body, status=status, headers={"Date": formatdate(now, usegmt=True)}
        )


@asynccontextmanager
async def open_town(folder: Path, node: Path) -> AsyncIterator[Town]:
    """``node`` is a folder with a node's database and key, which are copied."""
    for name in ("node.db", "routstr_secret.key"):
        shutil.copy2(node / name, folder / name)
    app = web.Application()
    runner = web.AppRunner(app, access_log=None)
    town = Town("", folder)
    app.router.add_get("/{path:.*}", town._answer)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    town.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield town
    await runner.cleanup()
