from decimal import Decimal

import pytest

from routstr.admin.selling.shown import State, formula_of, msat_of, row_of
from routstr.catalog.build import build
from routstr.catalog.models_file import FixedSats, ModelSpec, UsdPricing
from routstr.catalog.overlay import Stocked
from routstr.catalog.rates import PricePolicy
from routstr.catalog.snapshot import Snapshot
from routstr.catalog.sources import Source, price_sources
from routstr.money import Msat

PRICING = UsdPricing(prompt=Decimal("1e-6"), completion=Decimal("2e-6"))
MODEL = ModelSpec(id="v/m", context_length=100, pricing=PRICING)
POLICY = PricePolicy(exchange_fee=Decimal("1.01"), provider_fee=Decimal("1.1"))
RATE = Decimal(50_000)


def snapshot(*sources: Source) -> Snapshot:
    groups = price_sources(sources, POLICY, RATE)
    made = build(groups, usd_per_btc=RATE, version=1)
    assert made is not None
    return made


def source(name: str, fee: str, *models: ModelSpec) -> Source:
    return Source(name, Decimal(fee), 0, models)


def test_who_serves_a_model_and_who_else() -> None:
    now = snapshot(source("dear", "2", MODEL), source("cheap", "1", MODEL))
    first, second = (row_of(name, Stocked(MODEL, MODEL), now) for name in ("cheap", "dear"))
    assert (first.state, first.place, first.others) == (State.SOLD, 1, ("dear",))
    assert (second.state, second.place, second.others) == (State.SPARE, 2, ("cheap",))
    assert (first.input, first.output) == (Decimal(2_020_000), Decimal(4_040_000))


@pytest.mark.parametrize(
    ("stocked", "known", "state"),
    [
        (Stocked(MODEL, MODEL, "context_length: missing"), True, State.UNFIT),
        (Stocked(ModelSpec(id="v/m", enabled=False), MODEL), True, State.OFF),
        (Stocked(ModelSpec(id="x", context_length=5), None), True, State.UNPRICED),
        (Stocked(MODEL, MODEL), False, State.WAITING),
    ],
)
def test_why_a_model_is_not_sold(stocked: Stocked, known: bool, state: State) -> None:
    row = row_of("p", stocked, snapshot(source("p", "1", MODEL)) if known else None)
    assert (row.state, row.place, row.input) == (state, 0, None)


def test_the_formula_names_each_factor() -> None:
    row = row_of("p", Stocked(MODEL, MODEL), snapshot(source("p", "1.2", MODEL)))
    formula = formula_of(row, POLICY, Decimal("1.2"), RATE)
    assert (formula.rule, formula.fees, formula.msat_per_usd) == (
        "token",
        Decimal("1.212"),
        Decimal(2_000_000),
    )
    words_in, words_out, request = formula.lines
    assert (words_in.own, words_in.client, words_in.msat) == (
        Decimal(1),
        Decimal("1.212"),
        Decimal("2.424"),
    )
    assert (words_out.name, words_out.per) == ("output", 1_000_000)
    assert (request.name, request.own, request.msat) == ("request", None, Decimal(1))


def test_other_ways_to_price_are_named() -> None:
    for more, rule, fee_of in (
        ({"free": True}, "free", "provider"),
        ({"fixed": FixedSats(request=Decimal(2))}, "fixed", "provider"),
        ({"provider_fee": Decimal(3)}, "token", "model"),
    ):
        model = ModelSpec(id="m", context_length=100, pricing=PRICING, **more)
        row = row_of("p", Stocked(model, model), snapshot(source("p", "1", model)))
        formula = formula_of(row, POLICY, Decimal(1), RATE)
        assert (formula.rule, formula.fee_of) == (rule, fee_of)
        assert formula.least_msat == Msat(1)
        if rule == "fixed":
            assert [line.msat for line in formula.lines] == [0, 0, 2_000]


def test_rates_are_told_exactly() -> None:
    assert msat_of(1) == Decimal("1e-12")
    assert msat_of(3, 1_000_000) == Decimal("3e-6")
