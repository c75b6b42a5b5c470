"""Models and providers for the operator, over a real table and played providers on loopback."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

import msgspec
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from fastapi import FastAPI

from routstr.admin.desk import ProviderDesk
from routstr.admin.overview.statistics import Statistics
from routstr.admin.pages import models as model_pages
from routstr.admin.pages import providers as provider_pages
from routstr.admin.pages.door import Signed, signed_in
from routstr.admin.selling import endpoints
from routstr.admin.selling.endpoints import Selling
from routstr.admin.selling.models import ModelDesk
from routstr.admin.selling.providers import ProviderBoard
from routstr.admin.selling.servers import Servers
from routstr.admin.selling.trial import Trial
from routstr.catalog.override_store import Overrides
from routstr.catalog.override_watch import OverrideWatch
from routstr.catalog.rates import PricePolicy
from routstr.catalog.service import Catalog
from routstr.core.clock import ManualClock
from routstr.core.rendering import install_error_handlers
from routstr.core.traffic import Traffic
from routstr.core.traffic_store import TrafficStore
from routstr.payment.price_lists import Listing, ListPolicy, PriceLists
from routstr.theme.engine import Theme
from routstr.upstream.client import UpstreamLimits
from routstr.upstream.fleet import Fleet
from routstr.upstream.provider import Profile
from routstr.upstream.watch import ProviderWatch
from tests.unit.core.asgi import Answer, ask
from tests.unit.upstream import storing
from tests.unit.upstream.carriers import Alarms, profile

ENTRIES: Sequence[Mapping[str, Any]] = (
    {
        "id": "maker/small",
        "context_length": 1_000,
        "pricing": {"prompt": "1e-6", "completion": "4e-6"},
    },
    {
        "id": "maker/large",
        "name": "Large one",
        "context_length": 1_000,
        "pricing": {"prompt": "2e-6", "completion": "8e-6", "input_cache_read": "1e-6"},
    },
    {"id": "maker/unpriced", "context_length": 1_000},
)
POLICY = PricePolicy(exchange_fee=Decimal("1.1"), provider_fee=Decimal("1.5"), provider="own")
USD_PER_BTC = Decimal(100_000)


@dataclass
class Played:
    """A provider. ``refused`` are keys that it does not take; ``asked`` what it was asked."""

    refused: set[str] = field(default_factory=set)
    asked: list[dict[str, Any]] = field(default_factory=list)
    wants: str = "max_completion_tokens"

    async def models(self, _: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": "maker/small"}, {"id": "maker/large"}]})

    async def chat(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.asked.append(body)
        if request.headers.get("Authorization", "").removeprefix("Bearer ") in self.refused:
            return web.json_response({"error": {"message": "wrong key"}}, status=401)
        if self.wants not in body:
            told = {"message": "Unsupported parameter: 'max_tokens'", "param": "max_tokens"}
            return web.json_response({"error": told}, status=400)
        usage = {"prompt_tokens": 10, "completion_tokens": 5}
        choices = [{"message": {"content": "Hello <you>."}}]
        return web.json_response({"choices": choices, "usage": usage})


@dataclass
class Shop:
    """Everything around the desks; whoever asks is the operator."""

    app: FastAPI
    selling: Selling
    fleet: Fleet
    catalog: Catalog
    lists: PriceLists
    played: Played
    url: str

    @property
    def models(self) -> ModelDesk:
        return self.selling.models

    @property
    def board(self) -> ProviderBoard:
        return self.selling.providers

    def price(self, model: str) -> tuple[int, int]:
        """Rates of words in and out, in 10^-12 msat."""
        rates = self.catalog.current().models[model].rates
        return rates.prompt, rates.completion

    async def call(self, method: str, path: str, body: object = None) -> Answer:
        chunk = b"" if body is None else msgspec.json.encode(body)
        headers = [("Content-Type", "application/json"), ("Authorization", "Bearer x")]
        return await ask(self.app, method, f"/admin/api{path}", headers=headers, chunks=(chunk,))

    async def told(self, method: str, path: str, body: object = None) -> Any:
        answer = await self.call(method, path, body)
        assert answer.status == 200, answer.body
        return answer.json()

    async def page(self, path: str, fields: Mapping[str, str] | None = None) -> Answer:
        headers = [("Content-Type", "application/x-www-form-urlencoded")]
        if fields is None:
            return await ask(self.app, "GET", path, headers=headers)
        chunks = (urlencode(fields).encode(),)
        return await ask(self.app, "POST", path, headers=headers, chunks=chunks)

    async def text(self, path: str) -> str:
        answer = await self.page(path)
        assert answer.status == 200, answer.body
        text = answer.body.decode()
        assert "style=" not in text
        return text


class _Everybody:
    async def require(self, *_: object) -> None: ...


@asynccontextmanager
async def open_shop(folder: Path, **more: Any) -> AsyncIterator[Shop]:
    """A shop with the provider of the settings (``own``), which sells :data:`ENTRIES`."""
    played = more.pop("played", None) or Played()
    web_app = web.Application()
    web_app.router.add_get("/v1/models", played.models)
    web_app.router.add_post("/v1/chat/completions", played.chat)
    server = TestServer(web_app, host="127.0.0.1")
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(server)
        session = await stack.enter_async_context(ClientSession())
        db = await stack.enter_async_context(storing.database(folder))
        url, clock = str(server.make_url("/v1")), ManualClock()
        own = profile("own", *more.pop("keys", ("sk-own",)), id=0, base_url=url)
        catalog = Catalog((), POLICY, clock)
        catalog.set_rate(USD_PER_BTC, fresh_for_s=None)
        lists = PriceLists(catalog.take_sources, clock, ListPolicy(), more.pop("file", ENTRIES))

        async def changed(profiles: Sequence[Profile]) -> None:
            await lists.set_providers(
                [
                    Listing(one.name, one.fee or POLICY.provider_fee, one.priority, id=one.id)
                    for one in profiles
                ]
            )

        fleet, stored = Fleet(Alarms().parts()), storing.providers(db, clock, taken="own")
        watch = ProviderWatch(stored, fleet, (own,), UpstreamLimits(), changed)
        overrides = Overrides(db, clock)
        stored_models = OverrideWatch(overrides, lists.set_stored)
        await stored_models.look()
        await watch.look()
        servers = Servers(stored, (own,), UpstreamLimits())
        trial = Trial(lambda _: session)
        models = ModelDesk(catalog, lists, overrides, servers, trial, stored_models.look)
        desk = ProviderDesk(stored, (own,), POLICY.provider_fee, watch.look)
        statistics = Statistics(db, clock, TrafficStore(db, clock, Traffic()))
        board = ProviderBoard(desk, servers, fleet, statistics, models, clock)
        app = FastAPI()
        install_error_handlers(app)
        for router in (endpoints.router, model_pages.router, provider_pages.router):
            app.include_router(router)
        app.state.admin = cast("Any", type("Parts", (), {"sessions": _Everybody()}))
        app.state.admin_selling = Selling(models, board)
        app.state.theme = Theme(
            {"theme": "routstr.theme", "admin": "routstr.admin"}, {"name": "n", "version": "1"}
        )
        app.dependency_overrides[signed_in] = lambda: Signed("token", "mark")
        yield Shop(app, app.state.admin_selling, fleet, catalog, lists, played, url)
