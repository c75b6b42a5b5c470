from decimal import Decimal
from typing import Any

from fastapi import FastAPI

from routstr.catalog.models_file import ModelSpec, UsdPricing
from routstr.catalog.rates import PricePolicy
from routstr.catalog.service import Catalog
from routstr.catalog.sources import Source
from routstr.core.clock import ManualClock
from routstr.core.rendering import install_error_handlers
from routstr.node.paths import PathParts, router
from routstr.upstream.fleet import Fleet
from tests.unit.core.asgi import Answer, ask
from tests.unit.upstream.carriers import Alarms, profile

PROFILES = [
    profile("dear", "k", id=1, kind="openai", base_url="https://dear.example/v1"),
    profile("cheap", "k", id=2, base_url="http://10.0.0.7:8000/v1"),
]
DEAR = {
    "path": "url=https%3A%2F%2Fdear.example%2Fv1&provider-id=1&model-id=m",
    "provider": {"id": 1, "slug": "dear", "type": "openai"},
    "endpoint": None,
}
CHEAP = {
    "path": "url=http%3A%2F%2Flocalhost&provider-id=2&model-id=m",
    "provider": {"id": 2, "slug": "cheap", "type": "generic"},
    "endpoint": None,
}


def app(*, priced: bool = True) -> FastAPI:
    catalog = Catalog((), PricePolicy(), ManualClock())
    spec = ModelSpec(
        id="v/m", pricing=UsdPricing(prompt=Decimal(1), completion=Decimal(1)), context_length=100
    )
    fees = (("dear", "2"), ("cheap", "1"), ("gone", "3"))
    catalog.set_sources([Source(name, Decimal(fee), 0, [spec]) for name, fee in fees])
    if priced:
        catalog.set_rate(Decimal(1), fresh_for_s=None)
    made = FastAPI()
    install_error_handlers(made)
    made.include_router(router)
    made.state.paths = PathParts(catalog, Fleet(Alarms().parts(), PROFILES), ManualClock())
    return made


async def get(path: str, query: str = "", *, priced: bool = True) -> Answer:
    made = app(priced=priced)

    async def asked(scope: Any, receive: Any, send: Any) -> None:
        await made({**scope, "query_string": query.encode()}, receive, send)

    return await ask(asked, "GET", path)


async def test_every_way_to_a_model_is_listed_the_cheapest_first() -> None:
    told = (await get("/v1/models/paths")).json()
    assert told == {"data": [{"id": "m", "paths": [CHEAP, DEAR]}], "updated_at": 1_700_000_000}


async def test_the_ways_to_one_model_are_found_by_any_of_its_names() -> None:
    for name in ("m", "v%2Fm", "M-20250101"):
        told = (await get("/v1/models/paths/model", f"model_id={name}")).json()
        assert told["data"] == [CHEAP, DEAR]


async def test_a_model_that_is_not_sold_has_no_paths() -> None:
    answer = await get("/v1/models/paths/model", "model_id=nobody")
    assert (answer.status, answer.json()["error"]["message"]) == (404, "Model not found")
    assert (await get("/v1/models/paths/model")).status == 422


async def test_without_a_price_of_bitcoin_nothing_is_sold() -> None:
    told = (await get("/v1/models/paths", priced=False)).json()
    assert told == {"data": [], "updated_at": None}
