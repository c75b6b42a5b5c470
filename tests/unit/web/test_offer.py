from decimal import Decimal

import pytest

from routstr.money import Msat
from routstr.payment.cost import calculate_request_cost
from routstr.payment.usage import Usage
from routstr.web.offer import TOKENS_MAX, Offer, Offers, cost_of, tokens
from tests.unit.web.shop import CHEAP, DEAR, catalog


def offer() -> Offer:
    made = Offers(catalog()).now()
    assert made is not None
    return made


def test_words_come_first_and_the_cheap_before_the_dear() -> None:
    assert [row.id for row in offer().rows] == ["cheap", "dear", "draws"]
    assert [row.id for row in offer().for_words] == ["cheap", "dear"]


def test_prices_are_those_of_a_million_tokens() -> None:
    dear = offer().rows[1]
    assert dear.sat == (Decimal(2_000), Decimal(8_000))
    assert dear.usd == (Decimal(2), Decimal(8))
    assert [(one.unit, one.sat, one.upward) for one in dear.others] == [
        ("request", Decimal("0.1"), False)
    ]


def test_pictures_have_a_price_each_and_say_that_some_are_dearer() -> None:
    [picture] = [one for one in offer().rows[2].others if one.unit == "picture"]
    assert (picture.sat, picture.upward) == (Decimal(40), True)


def test_a_request_costs_what_it_is_charged() -> None:
    made, row = catalog(), offer().rows[1]
    entry = made.current().find("dear")
    assert entry is not None
    charged = calculate_request_cost(entry.rates, Usage(1_234, 567)).total
    assert cost_of(row, 1_234, 567) == charged == Msat(100 + 2 * 1_234 + 8 * 567)
    assert offer().usd(Msat(1_000_000)) == Decimal(1)


def test_without_a_price_of_bitcoin_nothing_is_offered() -> None:
    assert Offers(catalog(priced=False)).now() is None


def test_an_offer_is_made_once_for_a_price_list() -> None:
    sold = catalog([CHEAP])
    offers = Offers(sold)
    first = offers.now()
    assert offers.now() is first
    sold.set_rate(Decimal(50_000), fresh_for_s=None)
    second = offers.now()
    assert second is not None
    assert second is not first
    assert second.rows[0].sat == (Decimal(2_000), Decimal(6_000))


def test_what_every_request_costs_is_told_when_it_is_the_same_for_all() -> None:
    assert offer().request_sat is None
    alone = Offers(catalog([DEAR])).now()
    assert alone is not None
    assert alone.request_sat == Decimal("0.1")


@pytest.mark.parametrize(
    ("typed", "number"),
    [("7", 7), (" 12 ", 12), ("", 5), (None, 5), ("-1", 5), ("1e9", 5), ("٣", 5),
     ("9" * 30, TOKENS_MAX)],
)  # fmt: skip
def test_a_number_of_tokens_is_sensible_whatever_was_typed(typed: str | None, number: int) -> None:
    assert tokens(typed, 5) == number


def test_a_model_that_is_not_sold_is_the_first_one() -> None:
    found = offer().find("nobody")
    assert found is not None
    assert found.id == "cheap"
    assert Offer([], None).find("nobody") is None
