from decimal import Decimal

import pytest
from openai.types import CompletionUsage

from demo.failure import ShowFailed
from demo.receipt import Receipt

PRICES = {
    "prompt": Decimal("2.1105"),
    "input_cache_read": Decimal("1.05525"),
    "completion": Decimal("8.442"),
    "request": Decimal(1),
}


def usage(**more: object) -> CompletionUsage:
    counts = {"prompt_tokens": 40, "completion_tokens": 26, "total_tokens": 66}
    return CompletionUsage.model_validate({**counts, **more})


def test_a_receipt_reads_tokens_and_cost_from_the_answer() -> None:
    told = usage(cost={"total_msats": 305}, prompt_tokens_details={"cached_tokens": 24})
    assert Receipt.of(told) == Receipt(prompt=40, cached=24, completion=26, cost=305)


def test_the_published_prices_are_summed_exactly_and_rounded_up_once() -> None:
    # 1 + 40 x 2.1105 + 26 x 8.442 = 304.912
    assert Receipt(prompt=40, cached=0, completion=26, cost=0).expected(PRICES) == 305


def test_cached_tokens_have_their_own_price() -> None:
    # 1 + 16 x 2.1105 + 24 x 1.05525 = 60.094
    assert Receipt(prompt=40, cached=24, completion=0, cost=0).expected(PRICES) == 61


@pytest.mark.parametrize("told", [None, usage(), usage(cost=305)])
def test_an_answer_without_a_cost_is_no_receipt(told: CompletionUsage | None) -> None:
    with pytest.raises(ShowFailed, match="tells no"):
        Receipt.of(told)
