import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routstr.catalog.build import build_snapshot, build_unpriced
from routstr.catalog.models_file import ModelSpec, TopProvider, UsdPricing
from routstr.catalog.rates import FixedPrices, PricePolicy
from routstr.catalog.snapshot import PER_MSAT
from routstr.catalog.sources import Source, price_sources
from routstr.money import Msat

BTC = Decimal(100_000)  # one USD is a million msat
POLICY = PricePolicy(exchange_fee=Decimal(1), provider_fee=Decimal(2))


def spec(name: str = "vendor/one", prompt: str | None = "1e-6", **more: object) -> ModelSpec:
    top = TopProvider(context_length=1000, max_completion_tokens=200)
    price = None if prompt is None else Decimal(prompt)
    pricing = UsdPricing(prompt=price, completion=Decimal("3e-6"))
    return msgspec.structs.replace(ModelSpec(id=name, pricing=pricing, top_provider=top), **more)


def exactly(body: bytes) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(body, parse_float=Decimal, parse_int=Decimal)
    return told


def test_what_is_published_is_what_is_charged() -> None:
    snapshot = build_snapshot([spec()], usd_per_btc=Decimal("67123.45"), policy=POLICY, version=3)
    entry = snapshot.models["one"]
    (told,) = exactly(snapshot.body)["data"]
    assert told["sats_pricing"]["prompt"].scaleb(15) == entry.rates.prompt
    assert told["sats_pricing"]["completion"].scaleb(15) == entry.rates.completion
    assert told["sats_pricing"]["request"].scaleb(15) == entry.rates.request == PER_MSAT
    assert told["sats_pricing"]["max_cost"].scaleb(15) == entry.max_cost
    assert told["pricing"]["prompt"] == Decimal("2e-6")
    assert json.loads(entry.body) == json.loads(snapshot.body)["data"][0]
    assert (snapshot.version, snapshot.usd_per_btc) == (3, Decimal("67123.45"))


def test_an_entry_carries_all_that_a_quote_needs() -> None:
    snapshot = build_snapshot([spec()], usd_per_btc=BTC, policy=POLICY, version=1)
    entry = snapshot.models["one"]
    assert entry.rates.prompt == 2 * PER_MSAT
    assert entry.rates.completion == 6 * PER_MSAT
    assert entry.rates_text == entry.rates.dumps()
    assert (entry.context_length, entry.max_completion_tokens) == (1000, 200)
    assert (entry.output_limit, entry.prompt_limit) == (200, 800)
    assert entry.max_prompt == 2000 * PER_MSAT
    assert entry.max_completion == 1200 * PER_MSAT
    assert entry.max_cost == (1600 + 1200 + 1) * PER_MSAT
    assert entry.upstream_id == "vendor/one"


@pytest.mark.parametrize(
    ("limit", "published", "unasked"), [(200, 200, 200), (900, 500, 900), (None, 500, 1000)]
)
def test_the_own_limit_of_the_provider_is_kept_apart_from_the_published_one(
    limit: int | None, published: int, unasked: int
) -> None:
    pricing = UsdPricing(prompt=Decimal(1), completion=Decimal(1))
    top = TopProvider(max_completion_tokens=limit)
    model = ModelSpec(id="m", context_length=1000, pricing=pricing, top_provider=top)
    entry = build_snapshot([model], usd_per_btc=BTC, policy=POLICY, version=1).models["m"]
    assert (entry.max_completion_tokens, entry.output_limit) == (published, unasked)


def test_only_what_is_enabled_and_priced_is_sold() -> None:
    models = [spec(), spec("b", None), spec("c", enabled=False), spec("d", "0")]
    snapshot = build_snapshot(models, usd_per_btc=BTC, policy=POLICY, version=1)
    assert list(snapshot.models) == ["one", "d"]
    assert snapshot.find("b") is None
    assert [one["id"] for one in json.loads(snapshot.body)["data"]] == ["one", "d"]


def test_models_are_found_by_all_their_names() -> None:
    model = spec(forwarded_model_id="one-f", alias_ids=("uno",), canonical_slug="vendor/one-c")
    snapshot = build_snapshot([model], usd_per_btc=BTC, policy=POLICY, version=1)
    entry = snapshot.models["one-f"]
    assert entry.upstream_id == "one-f"
    for name in ("ONE-F", "vendor/one", "one", "uno", "one-c", "uno-20250101"):
        assert snapshot.find(name) is entry


def test_a_snapshot_cannot_be_changed() -> None:
    snapshot = build_snapshot([spec()], usd_per_btc=BTC, policy=POLICY, version=1)
    with pytest.raises(TypeError):
        snapshot.models["two"] = snapshot.models["one"]  # type: ignore[index]


@given(st.decimals("0.01", 10**6, places=4))
def test_building_is_a_function_of_its_arguments(usd_per_btc: Decimal) -> None:
    one, other = (
        build_snapshot([spec()], usd_per_btc=usd_per_btc, policy=POLICY, version=1)
        for _ in range(2)
    )
    assert one == other


FIXED = PricePolicy(
    min_request=Msat(5),
    fixed=FixedPrices(request=Decimal(2), input_per_1k=Decimal(1), output_per_1k=Decimal(0)),
)


def test_fixed_prices_are_the_same_for_all_models_and_need_no_price_of_bitcoin() -> None:
    models = [spec(), spec("b", None)]
    snapshot = build_snapshot(models, usd_per_btc=None, policy=FIXED, version=1)
    assert snapshot.models["one"].rates == snapshot.models["b"].rates
    assert snapshot.models["b"].rates.request == 2_000 * PER_MSAT
    (told, _) = exactly(snapshot.body)["data"]
    assert told["pricing"] is None
    assert told["sats_pricing"]["request"] == 2
    assert told["sats_pricing"]["prompt"] == Decimal("0.001")


def test_fixed_prices_are_shown_in_usd_when_the_price_is_known() -> None:
    snapshot = build_snapshot([spec()], usd_per_btc=BTC, policy=FIXED, version=1)
    assert exactly(snapshot.body)["data"][0]["pricing"]["request"] == Decimal("0.002")


def test_usd_prices_need_a_price_of_bitcoin() -> None:
    with pytest.raises(ValueError, match="need a price of bitcoin"):
        build_snapshot([spec()], usd_per_btc=None, policy=POLICY, version=1)


def test_the_unpriced_list_shows_usd_and_null_sats() -> None:
    source = Source("custom", Decimal(2), 0, [spec(), spec("b", None)])
    unpriced = build_unpriced(price_sources([source], POLICY, None))
    (told,) = exactly(unpriced.body)["data"]
    assert told["sats_pricing"] is None
    assert told["pricing"]["prompt"] == Decimal("2e-6")
    assert json.loads(unpriced.names["vendor/one"])["id"] == "one"
