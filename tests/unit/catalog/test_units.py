import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from routstr.catalog.build import build_snapshot
from routstr.catalog.models_file import ModelsFileError, UsdPricing, parse_models
from routstr.catalog.rates import FixedPrices, PricePolicy
from routstr.catalog.snapshot import PER_MSAT, Goods, ModelEntry, Rates
from routstr.catalog.units import goods_of, goods_of_rates, image_rate, images_of, units_of

BTC = Decimal(100_000)  # one USD is a million msat
NO_FEES = PricePolicy(exchange_fee=Decimal(1), provider_fee=Decimal(2))


def pricing(**prices: Any) -> UsdPricing:
    (model,) = parse_models(
        json.dumps([{"id": "m", "context_length": 9, "pricing": prices}]).encode()
    )
    return model.pricing


def sold(policy: PricePolicy = NO_FEES, **prices: Any) -> ModelEntry | None:
    models = parse_models(
        json.dumps([{"id": "m", "context_length": 9, "pricing": prices}]).encode()
    )
    return build_snapshot(models, usd_per_btc=BTC, policy=policy, version=1).find("m")


def test_openrouter_s_names_are_read_and_the_own_name_wins() -> None:
    found = units_of(pricing(audio="1", audio_output="2", image_token="3"))
    assert found == {
        "input_cost_per_audio_token": 1,
        "output_cost_per_audio_token": 2,
        "input_cost_per_image_token": 3,
    }
    assert units_of(pricing(audio="1", input_cost_per_audio_token="5")) == {
        "input_cost_per_audio_token": 5
    }


@pytest.mark.parametrize(
    ("quality", "size", "rate"),
    [
        ("hd", "1024x1024", 4),
        ("", "1024x1024", 3),
        ("low", "1024x1024", 3),
        ("low", "9x9", 2),
        ("", "", 1),
        ("none", "9x9", 1),
    ],
)
def test_the_most_particular_price_of_a_picture_counts(quality: str, size: str, rate: int) -> None:
    images = {"": 1, "low": 2, "1024x1024": 3, "hd/1024x1024": 4}
    assert image_rate(images, quality, size) == rate


def test_a_picture_without_a_price_has_none() -> None:
    assert image_rate({"1024x1024": 3}, "hd", "9x9") is None
    assert images_of(pricing(output_cost_per_image="0.5")) == {"": Decimal("0.5")}
    assert images_of(pricing(output_cost_per_image={"HD/9-x-9": "1"})) == {"hd/9x9": 1}


@pytest.mark.parametrize(
    ("prices", "goods"),
    [
        ({"prompt": "0", "completion": "0"}, Goods.TEXT),
        ({"prompt": "1"}, Goods(0)),
        ({"output_cost_per_image": "0"}, Goods.IMAGES),
        ({"output_cost_per_image_token": "1"}, Goods.IMAGE_TOKENS),
        ({"input_cost_per_second": "1"}, Goods.HEARING),
        ({"audio": "1"}, Goods.AUDIO_TOKENS),
        ({"input_cost_per_character": "1"}, Goods.SPEECH),
        ({"audio_output": "1"}, Goods.SPEECH_TOKENS),
    ],
)
def test_what_has_a_price_is_sold_and_0_is_a_price(prices: dict[str, str], goods: Goods) -> None:
    assert goods_of(pricing(**prices)) == goods


def test_the_operator_s_own_rates_cover_what_they_name_or_everything() -> None:
    assert goods_of_rates(Rates(prompt=1)) == Goods.TEXT
    assert goods_of_rates(Rates(prompt=1, second=1)) == Goods.TEXT | Goods.HEARING
    assert goods_of_rates(Rates(request=1)) == ~Goods(0) == goods_of_rates(Rates())


def test_prices_of_pieces_reach_rates_and_both_lists_with_their_fee() -> None:
    entry = sold(
        input_cost_per_second="0.0001", output_cost_per_image={"hd": "0.04", "9x9": "0.02"}
    )
    assert entry is not None
    assert entry.rates.second == 200 * PER_MSAT
    assert entry.images == {"hd": 80_000 * PER_MSAT, "9x9": 40_000 * PER_MSAT}
    assert entry.goods == Goods.HEARING | Goods.IMAGES
    shown = msgspec.json.decode(entry.body)
    assert shown["pricing"]["input_cost_per_second"] == 0.0002
    assert shown["pricing"]["output_cost_per_image"] == {"hd": 0.08, "9x9": 0.04}
    assert shown["sats_pricing"]["input_cost_per_second"] == 0.2
    assert shown["sats_pricing"]["output_cost_per_image"] == {"hd": 80, "9x9": 40}


def test_a_model_of_words_shows_what_it_always_did() -> None:
    entry = sold(prompt="0.000001", completion="0.000002")
    assert entry is not None
    assert entry.rates_text.startswith("r1 ")
    assert not any("cost_per" in name for name in msgspec.json.decode(entry.body)["pricing"])


def test_fixed_prices_sell_everything_by_the_request() -> None:
    fixed = FixedPrices(Decimal(10), Decimal(0), Decimal(0))
    entry = sold(PricePolicy(fixed=fixed), prompt="1", completion="1")
    assert entry is not None
    assert entry.goods == ~Goods(0)


def test_a_model_that_gives_everything_away_by_its_prices_is_not_sold() -> None:
    assert sold(output_cost_per_image="0") is None
    assert sold(output_cost_per_image="0.04") is not None


@pytest.mark.parametrize(
    "prices",
    [
        {"input_cost_per_second": "-1"},
        {"output_cost_per_image": {"hd": "-1"}},
        {"output_cost_per_image": {"hd": "NaN"}},
        {"output_cost_per_image": ["1"]},
    ],
)
def test_a_wrong_price_is_told_by_its_name(prices: dict[str, Any]) -> None:
    (name,) = prices
    with pytest.raises(ModelsFileError, match=name):
        pricing(**prices)
