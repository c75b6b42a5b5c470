from decimal import Decimal
from pathlib import Path

from devkit.prices import (
    BTC_USD,
    CACHE_READ_MSAT,
    COMPLETION_MSAT,
    NO_FEES,
    PROMPT_MSAT,
    write_models,
)
from devkit.upstream import PLAYS
from routstr.catalog.models_file import load_models
from routstr.catalog.rates import PricePolicy, rates_at, usd_with_fees
from routstr.catalog.snapshot import PER_MSAT
from routstr.money import Msat


def test_a_token_costs_whole_msat_without_fees(tmp_path: Path) -> None:
    (model,) = load_models(write_models(tmp_path / "models.json", ["good"]))
    policy = PricePolicy(
        exchange_fee=Decimal(NO_FEES["EXCHANGE_FEE"]),
        provider_fee=Decimal(NO_FEES["UPSTREAM_PROVIDER_FEE"]),
    )
    rates = rates_at(usd_with_fees(model.pricing, policy), Decimal(BTC_USD), Msat(1))
    assert rates.prompt == PROMPT_MSAT * PER_MSAT
    assert rates.completion == COMPLETION_MSAT * PER_MSAT
    assert rates.cache_read == CACHE_READ_MSAT * PER_MSAT


def test_every_play_can_be_sold(tmp_path: Path) -> None:
    models = load_models(write_models(tmp_path / "models.json", PLAYS))
    assert [model.id for model in models] == list(PLAYS)
