import asyncio
import json
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from routstr.catalog.models_file import FixedSats, ModelSpec, UsdPricing
from routstr.catalog.names import NameClash
from routstr.catalog.rates import FixedPrices, PricePolicy
from routstr.catalog.rules import UnknownRule
from routstr.catalog.service import Catalog
from routstr.catalog.sources import Source
from routstr.core.clock import ManualClock
from routstr.errors import ModelNotFound, PriceUnavailable

MODEL = ModelSpec(
    id="vendor/one",
    context_length=1000,
    pricing=UsdPricing(prompt=Decimal("1e-6"), completion=Decimal("3e-6")),
)
FIXED = PricePolicy(fixed=FixedPrices(Decimal(1), Decimal(0), Decimal(0)))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def catalog(clock: ManualClock) -> Catalog:
    return Catalog([MODEL], PricePolicy(), clock)


def first(body: bytes) -> dict[str, Any]:
    model: dict[str, Any] = json.loads(body)["data"][0]
    return model


def test_without_a_price_nothing_is_sold_but_the_list_is_shown(catalog: Catalog) -> None:
    with pytest.raises(PriceUnavailable) as refused:
        catalog.current()
    assert refused.value.http_status == 503
    assert catalog.version == 0
    assert first(catalog.listing())["sats_pricing"] is None
    assert json.loads(catalog.model_body("ONE"))["sats_pricing"] is None


def test_a_price_makes_a_snapshot(catalog: Catalog) -> None:
    catalog.set_rate(Decimal(100_000), fresh_for_s=60)
    snapshot = catalog.current()
    assert (snapshot.version, catalog.version) == (1, 1)
    assert first(catalog.listing())["sats_pricing"]["prompt"] > 0
    assert json.loads(catalog.model_body("vendor/one"))["sats_pricing"]["prompt"] > 0


def test_a_new_price_makes_a_new_version_and_leaves_the_old_snapshot_alone(
    catalog: Catalog,
) -> None:
    catalog.set_rate(Decimal(100_000), fresh_for_s=60)
    old = catalog.current()
    rate = old.models["one"].rates
    catalog.set_rate(Decimal(50_000), fresh_for_s=60)
    assert catalog.current().version == 2
    assert catalog.current().models["one"].rates.prompt == pytest.approx(2 * rate.prompt, abs=1)
    assert old.models["one"].rates == rate


def test_the_same_price_stays_fresh_longer_without_a_new_version(
    catalog: Catalog, clock: ManualClock
) -> None:
    catalog.set_rate(Decimal(100_000), fresh_for_s=60)
    clock.advance(seconds=50)
    catalog.set_rate(Decimal("100000.0"), fresh_for_s=60)
    clock.advance(seconds=50)
    assert catalog.current().version == 1


def test_a_stale_price_stops_sales_until_the_next_one(catalog: Catalog, clock: ManualClock) -> None:
    catalog.set_rate(Decimal(100_000), fresh_for_s=60)
    clock.advance(seconds=59)
    assert catalog.current().version == 1
    clock.advance(seconds=1)
    with pytest.raises(PriceUnavailable):
        catalog.current()
    assert first(catalog.listing())["sats_pricing"] is None
    catalog.set_rate(Decimal(100_000), fresh_for_s=60)
    assert catalog.current().version == 1


def test_a_price_of_the_operator_never_ages(catalog: Catalog, clock: ManualClock) -> None:
    catalog.set_rate(Decimal(100_000), fresh_for_s=None)
    clock.advance(seconds=10**9)
    assert catalog.current().usd_per_btc == 100_000


@pytest.mark.parametrize("wrong", ["0", "-1", "NaN", "Infinity"])
def test_what_is_no_price_changes_nothing(catalog: Catalog, wrong: str) -> None:
    catalog.set_rate(Decimal(100_000), fresh_for_s=60)
    with pytest.raises(ValueError, match="not a price of bitcoin"):
        catalog.set_rate(Decimal(wrong), fresh_for_s=60)
    assert catalog.current().usd_per_btc == 100_000


def test_fixed_prices_sell_without_and_despite_an_old_price(clock: ManualClock) -> None:
    catalog = Catalog([MODEL], FIXED, clock)
    assert catalog.current().usd_per_btc is None
    catalog.set_rate(Decimal(100_000), fresh_for_s=60)
    clock.advance(seconds=1000)
    assert catalog.current().usd_per_btc == 100_000
    assert first(catalog.listing())["sats_pricing"]["request"] == 1


def test_an_unknown_model_is_not_found_with_and_without_a_price(catalog: Catalog) -> None:
    with pytest.raises(ModelNotFound, match="'two' not found"):
        catalog.model_body("two")
    catalog.set_rate(Decimal(100_000), fresh_for_s=60)
    with pytest.raises(ModelNotFound):
        catalog.model_body("two")


def test_new_sources_replace_what_is_sold_at_the_same_price(catalog: Catalog) -> None:
    other = ModelSpec(id="other", context_length=1000, pricing=MODEL.pricing)
    catalog.set_sources([Source("a", Decimal(1), 0, [other])])
    assert catalog.version == 0
    assert first(catalog.listing())["id"] == "other"
    catalog.set_rate(Decimal(100_000), fresh_for_s=60)
    old = catalog.current()
    catalog.set_sources(
        [Source("a", Decimal(1), 0, [other, MODEL]), Source("b", Decimal(2), 0, [MODEL])]
    )
    assert list(old.models) == ["other"]
    assert catalog.current().version == 2
    assert [one.provider for one in catalog.current().models["one"].others] == ["b"]
    assert [source.provider for source in catalog.sources] == ["a", "b"]


def test_sources_that_clash_change_nothing(catalog: Catalog) -> None:
    catalog.set_rate(Decimal(100_000), fresh_for_s=60)
    before = catalog.current(), catalog.listing(), catalog.sources
    with pytest.raises(NameClash):
        catalog.set_sources([Source("a", Decimal(1), 0, [MODEL, replace(MODEL, id="one")])])
    assert (catalog.current(), catalog.listing(), catalog.sources) == before


def test_new_sources_do_not_make_an_old_price_fresh(catalog: Catalog, clock: ManualClock) -> None:
    catalog.set_rate(Decimal(100_000), fresh_for_s=60)
    clock.advance(seconds=61)
    catalog.set_sources([Source("a", Decimal(1), 0, [MODEL])])
    with pytest.raises(PriceUnavailable):
        catalog.current()


def test_one_model_that_needs_a_price_of_bitcoin_makes_all_of_them_wait(
    catalog: Catalog, clock: ManualClock
) -> None:
    fixed = replace(MODEL, id="two", fixed=FixedSats(request=Decimal(1)))
    catalog.set_sources([Source("a", Decimal(1), 0, [MODEL, fixed])])
    with pytest.raises(PriceUnavailable):
        catalog.current()
    catalog.set_sources([Source("a", Decimal(1), 0, [fixed])])
    assert list(catalog.current().models) == ["two"]
    clock.advance(seconds=10**6)
    assert list(catalog.current().models) == ["two"]


def test_without_models_nothing_is_sold(clock: ManualClock) -> None:
    with pytest.raises(PriceUnavailable):
        Catalog([], PricePolicy(), clock).current()


def test_an_unknown_rule_stops_the_start(clock: ManualClock) -> None:
    with pytest.raises(UnknownRule, match="no pricing rule 'spot'"):
        Catalog([MODEL], PricePolicy(rule="spot"), clock)


async def test_what_is_computed_beside_the_loop_is_the_same(catalog: Catalog) -> None:
    sources = [Source("a", Decimal(1), 0, [MODEL]), Source("b", Decimal(2), 0, [MODEL])]
    await catalog.take_sources(sources)
    await catalog.take_rate(Decimal(100_000), fresh_for_s=60)
    other = Catalog([], PricePolicy(), ManualClock())
    other.set_sources(sources)
    other.set_rate(Decimal(100_000), fresh_for_s=60)
    assert catalog.current() == other.current()
    assert catalog.listing() == other.listing()


async def test_changes_at_the_same_time_lose_nothing(catalog: Catalog) -> None:
    new = [Source("a", Decimal(1), 0, [replace(MODEL, id="new")])]
    catalog.set_rate(Decimal(100_000), fresh_for_s=None)
    await asyncio.gather(
        catalog.take_rate(Decimal(50_000), fresh_for_s=60),
        catalog.take_sources(new),
        catalog.take_rate(Decimal(50_000), fresh_for_s=60),
    )
    current = catalog.current()
    assert (list(current.models), current.usd_per_btc) == (["new"], Decimal(50_000))
    assert current.version == catalog.version == 3


async def test_what_cannot_be_computed_beside_the_loop_changes_nothing(catalog: Catalog) -> None:
    catalog.set_rate(Decimal(100_000), fresh_for_s=60)
    before = catalog.current()
    with pytest.raises(NameClash):
        await catalog.take_sources([Source("a", Decimal(1), 0, [MODEL, replace(MODEL, id="one")])])
    with pytest.raises(ValueError, match="not a price"):
        await catalog.take_rate(Decimal("NaN"), fresh_for_s=60)
    assert catalog.current() is before
