"""Where a balance is paid out."""

from hypothesis import given
from hypothesis import strategies as st

from routstr.money import ZERO, Msat, Unit
from routstr.payment.places import Place, Spot, next_place
from routstr.wallet.holdings import Holding

ONE, TWO, THREE = "https://one.example", "https://two.example", "https://three.example"
HOME: Spot = (ONE, Unit.SAT)


def at(mint: str, liquid: int, *, reserved: int = 0, unit: Unit = Unit.SAT) -> Holding:
    return Holding(mint, unit, liquid, reserved, 0)


def test_the_own_mint_pays_when_it_can() -> None:
    place = next_place([at(TWO, 90), at(ONE, 10)], HOME, Msat(10_999), ())
    assert place == Place(ONE, Unit.SAT, 10)


def test_else_the_fullest_that_can_pay_everything() -> None:
    holdings = [at(ONE, 5), at(TWO, 20), at(THREE, 90)]
    assert next_place(holdings, HOME, Msat(10_000), ()) == Place(THREE, Unit.SAT, 10)


def test_change_under_way_counts_for_paying_everything_and_for_nothing_else() -> None:
    assert next_place([at(ONE, 2, reserved=8)], HOME, Msat(10_000), ()) == Place(ONE, Unit.SAT, 10)
    assert next_place([at(ONE, 2, reserved=7)], HOME, Msat(10_000), ()) == Place(ONE, Unit.SAT, 2)
    assert next_place([at(ONE, 0, reserved=7)], HOME, Msat(10_000), ()) is None


def test_where_none_can_pay_everything_the_one_that_can_pay_most_begins() -> None:
    holdings = [at(ONE, 5), at(TWO, 9_000, unit=Unit.MSAT), at(THREE, 7)]
    spots = [(TWO, Unit.MSAT), (THREE, Unit.SAT), HOME]
    for count, gross in enumerate((9_000, 7, 5)):
        place = next_place(holdings, HOME, Msat(100_000), spots[:count])
        assert place == Place(*spots[count], gross)
    assert next_place(holdings, HOME, Msat(100_000), spots) is None


def test_a_unit_that_is_too_large_for_the_rest_pays_nothing() -> None:
    assert next_place([at(ONE, 5)], HOME, Msat(999), ()) is None


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 9), st.sampled_from(Unit)), max_size=6),
    st.integers(0, 300_000),
)
def test_all_places_together_pay_what_there_is_and_no_more(
    amounts: list[tuple[int, int, Unit]], balance: int
) -> None:
    holdings = [
        at(f"https://{index}.example", liquid, reserved=reserved, unit=unit)
        for index, (liquid, reserved, unit) in enumerate(amounts)
    ]
    rest, tried = Msat(balance), set[Spot]()
    while (place := next_place(holdings, HOME, rest, tried)) is not None:
        assert place.gross > 0
        assert place.spot not in tried
        tried.add(place.spot)
        rest -= place.worth
    assert rest >= ZERO
    left = [h for h in holdings if (h.mint, h.unit) not in tried]
    assert not any(min(h.liquid, h.unit.from_msat_down(rest)) for h in left)
