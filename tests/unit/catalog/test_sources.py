from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routstr.catalog.build import build
from routstr.catalog.models_file import ModelSpec, UsdPricing
from routstr.catalog.names import NameClash, index_names
from routstr.catalog.rates import FixedPrices, PricePolicy
from routstr.catalog.snapshot import PER_MSAT, Snapshot
from routstr.catalog.sources import Source, price_sources

BTC = Decimal(100_000)  # one USD is a million msat
POLICY = PricePolicy(exchange_fee=Decimal(1))
ONE = Decimal(1)


def model(
    name: str,
    msat: str = "1",
    *,
    aliases: Sequence[str] = (),
    slug: str | None = None,
    forwarded: str | None = None,
) -> ModelSpec:
    price = Decimal(msat).scaleb(-6)
    return ModelSpec(
        id=name,
        context_length=1000,
        pricing=UsdPricing(prompt=price, completion=price),
        alias_ids=tuple(aliases),
        canonical_slug=slug,
        forwarded_model_id=forwarded,
    )


def source(provider: str, *models: ModelSpec, fee: Decimal = ONE, priority: int = 0) -> Source:
    return Source(provider, fee, priority, models)


def snapshot(*sources: Source, policy: PricePolicy = POLICY) -> Snapshot:
    made = build(price_sources(sources, policy, BTC), usd_per_btc=BTC, version=1)
    assert made is not None
    return made


def asked(sold: Snapshot, name: str) -> list[str]:
    """Who is asked for a model, first to last."""
    entry = sold.find(name)
    return [] if entry is None else [entry.provider, *(other.provider for other in entry.others)]


def test_one_model_of_several_providers_is_listed_once_at_the_best_price() -> None:
    sold = snapshot(
        source("dear", model("v/x", "3")),
        source("cheap", model("w/X", "1")),
        source("middle", model("x", "2"), model("y")),
    )
    assert asked(sold, "x") == ["cheap", "middle", "dear"]
    assert list(sold.models) == ["X", "y"]
    best = sold.models["X"]
    assert best.body in sold.body
    assert sold.body.count(b'"object":"model"') == 2
    assert {other.id for other in best.others} == {"X"}
    assert [other.upstream_id for other in best.others] == ["x", "v/x"]
    assert [other.rates.prompt for other in best.others] == [2 * PER_MSAT, 3 * PER_MSAT]
    assert all(other.others == () for other in best.others)


def test_every_name_of_every_provider_finds_the_one_entry() -> None:
    sold = snapshot(
        source("a", model("v/x", "2", aliases=["fast"])),
        source("b", model("w/x", aliases=["quick"], slug="w/x-long")),
    )
    names = ("x", "V/X", "w/x", "fast", "quick", "w/x-long", "x-long")
    assert all(sold.find(name) is sold.models["x"] for name in names)


def test_the_fee_of_a_provider_is_part_of_its_price() -> None:
    sold = snapshot(
        source("a", model("x", "2"), fee=Decimal(1)), source("b", model("x", "1"), fee=Decimal(3))
    )
    assert asked(sold, "x") == ["a", "b"]
    assert [sold.models["x"].rates.prompt, sold.models["x"].others[0].rates.prompt] == [
        2 * PER_MSAT,
        3 * PER_MSAT,
    ]


def test_of_equal_prices_the_priority_decides_and_then_the_order() -> None:
    one, two, three = source("one", model("x")), source("two", model("x")), model("x")
    sold = snapshot(one, two, source("three", three, priority=1))
    assert asked(sold, "x") == ["three", "one", "two"]
    fixed = PricePolicy(fixed=FixedPrices(ONE, ONE, ONE))
    sold = snapshot(one, source("four", model("x", "0.1"), priority=-1), policy=fixed)
    assert asked(sold, "x") == ["one", "four"]


def test_a_price_per_request_weighs_as_one_request_and_not_as_a_thousand() -> None:
    per_request = ModelSpec(
        id="x",
        context_length=1000,
        pricing=UsdPricing(Decimal("1e-6"), Decimal("1e-6"), request=Decimal("1e-4")),
    )
    sold = snapshot(source("tokens", model("x", "2")), source("request", per_request))
    assert asked(sold, "x") == ["request", "tokens"]


def test_an_advertised_id_wins_over_any_other_name_of_another_provider() -> None:
    sold = snapshot(source("a", model("v/x", aliases=["y"]), priority=9), source("b", model("z/y")))
    assert asked(sold, "y") == ["b"]
    assert asked(sold, "v/x") == ["a"]


@pytest.mark.parametrize(("of_b", "owner"), [(-1, "a"), (0, "a"), (1, "b")])
def test_a_name_that_two_providers_give_to_two_models_is_that_of_the_higher_priority(
    of_b: int, owner: str
) -> None:
    sold = snapshot(
        source("a", model("v/x", aliases=["fast"])),
        source("b", model("v/y", aliases=["FAST"]), priority=of_b),
    )
    assert asked(sold, "fast") == [owner]


def test_an_implied_name_that_fits_two_models_finds_neither() -> None:
    sold = snapshot(source("a", model("x", slug="s")), source("b", model("y", slug="s")))
    assert asked(sold, "s") == []


def test_clashes_inside_one_source_and_two_sources_of_one_name_are_refused() -> None:
    with pytest.raises(NameClash):
        snapshot(source("a", model("v/x"), model("w/x")))
    with pytest.raises(ValueError, match="two sources of one provider: a, a"):
        snapshot(source("a", model("x")), source("a", model("y")))


ids = st.sampled_from(["a/x", "b/x", "x", "y", "a/y", "X"])
some_models = st.lists(
    st.builds(
        model,
        ids,
        aliases=st.lists(st.sampled_from(["x", "y", "one", "two"]), max_size=2),
        slug=st.none() | st.sampled_from(["s", "a/s", "y"]),
        forwarded=st.none() | ids,
    ),
    max_size=4,
)


@given(some_models)
def test_of_one_source_names_find_what_they_always_found(models: list[ModelSpec]) -> None:
    try:
        names = index_names(models)
    except NameClash:
        with pytest.raises(NameClash):
            snapshot(source("a", *models))
        return
    sold = snapshot(source("a", *models))
    found = {name: entry.upstream_id for name, entry in sold.names.items()}
    assert found == {
        name: models[at].forwarded_model_id or models[at].id for name, at in names.items()
    }


@given(st.lists(some_models, max_size=3))
def test_whatever_providers_bring_every_name_finds_a_listed_model(
    lists: list[list[ModelSpec]],
) -> None:
    try:
        sold = snapshot(*(source(str(at), *models) for at, models in enumerate(lists)))
    except NameClash:
        return
    assert {entry.id for entry in sold.names.values()} == set(sold.models)
    for entry in sold.models.values():
        prices = [entry.rates.prompt, *(other.rates.prompt for other in entry.others)]
        assert prices == sorted(prices)
        assert sold.find(entry.id) is entry
