import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NoReturn

import pytest

from routstr.catalog.build import build_snapshot
from routstr.catalog.models_file import parse_models
from routstr.catalog.rates import PricePolicy
from routstr.catalog.snapshot import Snapshot
from routstr.core.clock import SystemClock
from routstr.core.cors import Cors
from routstr.core.middleware import RequestLimits
from routstr.errors import PriceUnavailable
from routstr.payment.pricing import QuotePolicy
from routstr.proxy.dialects import DIALECTS, PIECES
from routstr.proxy.dialects.base import Dialect
from routstr.proxy.estimate_cost import ENDPOINT, EstimateCost
from routstr.proxy.hot import HotRoutes, Surroundings
from routstr.upstream.deadlines import Deadlines
from tests.unit.core.asgi import Answer, http_scope
from tests.unit.proxy.dialects.speaking import BODIES, body
from tests.unit.proxy.harness import BTC, HELLO, SNAPSHOT, Books, Lines, not_hot, running

SPOKEN = [dialect for dialect in DIALECTS if dialect.endpoint in BODIES]


async def estimate(
    asked: object,
    query: str = "",
    catalog: Callable[[], Snapshot] = lambda: SNAPSHOT,
) -> Answer:
    limits = RequestLimits(body_bytes=100_000, header_bytes=8_000, header_count=50)
    around = Surroundings(limits, Cors(["*"]), Lines(), SystemClock(), Deadlines())
    serve = EstimateCost(DIALECTS, PIECES, catalog, QuotePolicy())
    answer = Answer()
    raw = asked if isinstance(asked, bytes) else json.dumps(asked).encode()
    pending = [{"type": "http.request", "body": raw, "more_body": False}]

    async def receive() -> Any:
        return pending.pop() if pending else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        answer.messages.append(message)

    scope = {**http_scope("POST", ENDPOINT), "query_string": query.encode()}
    await HotRoutes(not_hot, {ENDPOINT: serve}, around)(scope, receive, send)
    return answer


async def test_an_estimate_tells_costs_tokens_limits_and_prices() -> None:
    asked = {"model": "GOOD", "messages": HELLO, "max_tokens": 100}
    answered = await estimate(asked)
    told = answered.json()
    assert answered.status == 200
    assert answered.header("cache-control") == "no-store"
    names = ("object", "endpoint", "model", "price_version", "max_output_tokens", "choices")
    assert [told[name] for name in names] == [
        "estimate",
        "/v1/chat/completions",
        "good",
        4,
        100,
        1,
    ]
    assert told["limits"] == {"context_length": 8_000, "max_completion_tokens": 1_000}
    published = json.loads(SNAPSHOT.models["good"].body)
    assert told["pricing"] == published["pricing"]
    assert told["sats_pricing"] == published["sats_pricing"]
    cost = told["cost"]
    assert cost["worst_msats"] == 1 + told["prompt_tokens_max"] + 300
    assert cost["likely_msats"] == 1 + told["prompt_tokens"] + 300
    assert cost["required_msats"] <= cost["worst_msats"]
    assert [cost[f"{name}_sats"] for name in ("worst", "required", "likely")] == [1, 1, 1]


async def test_an_answer_that_may_be_long_is_guessed_to_be_of_usual_length() -> None:
    told = (await estimate({"model": "good", "messages": HELLO, "n": 2})).json()
    assert told["cost"]["worst_msats"] == 1 + told["prompt_tokens_max"] + 2 * 3_000
    assert told["cost"]["likely_msats"] == 1 + told["prompt_tokens"] + 2 * 1_500
    assert told["cost"]["worst_sats"] == -(-told["cost"]["worst_msats"] // 1_000)
    assert told["cost"]["required_msats"] < told["cost"]["likely_msats"]


@pytest.mark.parametrize("dialect", SPOKEN, ids=lambda dialect: dialect.endpoint)
async def test_what_is_estimated_is_what_the_endpoint_holds(dialect: Dialect) -> None:
    asked = body(dialect)
    told = (await estimate(asked, f"endpoint={dialect.endpoint}")).json()
    async with running() as node:
        await node.ask(asked, path=dialect.endpoint)
        assert node.books.holds[1].wanted == told["cost"]["worst_msats"]
        assert node.books.holds[1].minimum == told["cost"]["required_msats"]
    required = told["cost"]["required_msats"]
    async with running(books=Books(posted=required)) as node:
        assert (await node.ask(asked, path=dialect.endpoint)).status == 200
    async with running(books=Books(posted=required - 1)) as node:
        assert (await node.ask(asked, path=dialect.endpoint)).status == 402


PIECE_PRICES = {"output_cost_per_image": "0.04", "input_cost_per_character": "0.000015"}
MEDIA: dict[str, dict[str, Any]] = {
    "/v1/images/generations": {"prompt": "A cat.", "n": 2},
    "/v1/audio/speech": {"input": "Hello there", "voice": "alloy"},
}


def selling_pieces() -> Snapshot:
    models = parse_models(json.dumps([{"id": "m", "pricing": PIECE_PRICES}]).encode())
    policy = PricePolicy(exchange_fee=Decimal(1), provider_fee=Decimal(1), provider="played")
    return build_snapshot(models, usd_per_btc=BTC, policy=policy, version=4)


@pytest.mark.parametrize("path", MEDIA)
async def test_pictures_and_speech_are_estimated_as_they_are_held(path: str) -> None:
    sold, asked = selling_pieces(), {"model": "m", **MEDIA[path]}
    told = (await estimate(asked, f"endpoint={path}", lambda: sold)).json()
    async with running(catalog=lambda: sold) as node:
        await node.ask(asked, path=path)
        assert node.books.holds[1].wanted == told["cost"]["worst_msats"]
    assert 0 < told["cost"]["likely_msats"] <= told["cost"]["worst_msats"]
    assert told["sats_pricing"] == json.loads(sold.models["m"].body)["sats_pricing"]


async def test_what_has_no_price_is_not_estimated() -> None:
    asked = {"model": "good", "prompt": "A cat."}
    refused = await estimate(asked, "endpoint=images/generations")
    assert (refused.status, refused.json()["error"]["code"]) == (400, "no_price")


@pytest.mark.parametrize("name", ["/v1/embeddings", "v1/embeddings", "embeddings", "/embeddings/"])
async def test_an_endpoint_is_named_in_any_of_its_spellings(name: str) -> None:
    told = (await estimate({"model": "good", "input": "Hello"}, f"endpoint={name}")).json()
    assert told["endpoint"] == "/v1/embeddings"
    assert told["max_output_tokens"] == 0


@pytest.mark.parametrize(
    ("asked", "query", "code"),
    [
        ({"model": "good", "messages": HELLO}, "endpoint=/v1/nothing", "invalid_parameter"),
        ({"model": "good", "messages": HELLO}, "endpoint=/v1/estimate", "invalid_parameter"),
        ({"model": "good"}, "endpoint=/v1/audio/transcriptions", "invalid_parameter"),
        ({"model": "good", "messages": HELLO}, "endpoint=%ff%00", "invalid_parameter"),
        ({"model": "nobody", "messages": HELLO}, "", "model_not_found"),
        ({"model": "good", "messages": HELLO, "max_tokens": -1}, "", "invalid_parameter"),
        ({"model": "good", "messages": HELLO, "plugins": [{}]}, "", "invalid_parameter"),
        (b"nonsense", "", "invalid_json"),
        (b"x" * 100_001, "", "request_too_large"),
    ],
)
async def test_what_the_endpoint_would_refuse_is_refused(
    asked: object, query: str, code: str
) -> None:
    answered = await estimate(asked, query)
    assert (answered.status, answered.json()["error"]["code"]) == (
        413 if code == "request_too_large" else 400,
        code,
    )


async def test_errors_are_told_as_the_endpoint_tells_them() -> None:
    refused = await estimate({"model": "nobody", "max_tokens": 1}, "endpoint=messages")
    assert refused.json()["type"] == "error"


async def test_without_a_price_nothing_is_estimated() -> None:
    def unpriced() -> NoReturn:
        raise PriceUnavailable

    assert (await estimate({"model": "good", "messages": HELLO}, catalog=unpriced)).status == 503
