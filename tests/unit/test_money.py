import operator
from fractions import Fraction
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routstr.money import MAX_MSAT, MSAT_PER_BTC, MSAT_PER_SAT, ZERO, Msat, Unit, charge, total

amounts = st.integers(-MAX_MSAT, MAX_MSAT).map(Msat)


@pytest.mark.parametrize("value", [1.0, True, "1", None, Fraction(1), b"1"])
def test_an_amount_is_made_of_a_whole_number_only(value: object) -> None:
    with pytest.raises(TypeError, match="a whole number of msat"):
        Msat(cast("int", value))


@given(amounts, amounts)
def test_amounts_add_and_subtract_to_amounts(a: Msat, b: Msat) -> None:
    assert type(a + b) is type(a - b) is Msat
    assert int(a + b) == int(a) + int(b)
    assert int(a - b) == int(a) - int(b)
    assert (a + b) - b == a


@pytest.mark.parametrize("other", [1, 0, 1.5, True, Fraction(1)])
def test_an_amount_meets_only_its_own_kind(other: object) -> None:
    for operate in (operator.add, operator.sub):
        with pytest.raises(TypeError, match=f"only msat, not {type(other).__name__}$"):
            operate(Msat(1), other)


@pytest.mark.parametrize("other", [1.5, True, Fraction(1)])
def test_what_swallows_an_amount_from_the_left_makes_no_amount(other: object) -> None:
    assert type(operator.add(other, Msat(1))) is not Msat


def test_a_bare_number_on_the_left_is_refused() -> None:
    for operate in (operator.add, operator.sub, operator.mul):
        with pytest.raises(TypeError):
            operate(1, Msat(1))


@given(amounts, st.integers(-1000, 1000))
def test_an_amount_times_a_count_is_an_amount(a: Msat, count: int) -> None:
    assert type(a * count) is Msat
    assert int(a * count) == int(a) * count


@pytest.mark.parametrize("count", [1.5, True, Msat(2), Fraction(1, 2)])
def test_an_amount_is_multiplied_by_nothing_but_a_count(count: object) -> None:
    with pytest.raises(TypeError, match=f"by a count, not {type(count).__name__}$"):
        operator.mul(Msat(3), count)


def test_an_amount_is_never_divided_into_a_fraction() -> None:
    with pytest.raises(TypeError):
        operator.truediv(Msat(3), 2)


@given(amounts)
def test_negation_is_its_own_inverse(a: Msat) -> None:
    assert type(-a) is Msat
    assert int(-a) == -int(a)
    assert a + -a == ZERO


def test_an_amount_says_its_unit_to_a_reader_and_its_number_to_the_world() -> None:
    assert repr(Msat(5)) == "Msat(5)"
    assert f"{Msat(5)}" == str(Msat(5)) == "5"


@given(amounts)
def test_sats_round_in_the_named_direction(a: Msat) -> None:
    assert a.sats_down * MSAT_PER_SAT <= int(a) <= a.sats_up * MSAT_PER_SAT
    assert a.sats_up - a.sats_down == (1 if int(a) % MSAT_PER_SAT else 0)


@given(st.lists(amounts, max_size=20))
def test_a_total_is_the_sum(values: list[Msat]) -> None:
    assert total(values) == sum(int(value) for value in values)
    assert type(total(values)) is Msat


@given(st.fractions(min_value=0, max_value=10**12))
def test_a_charge_is_the_least_whole_msat_that_covers_the_cost(exact: Fraction) -> None:
    charged = charge(exact)
    assert exact <= int(charged) < exact + 1


@given(st.integers(0, MAX_MSAT))
def test_units_convert_exactly_and_give_back_rounded_down(msat: int) -> None:
    for unit in Unit:
        whole = unit.from_msat_down(Msat(msat))
        assert int(unit.to_msat(whole)) <= msat < int(unit.to_msat(whole + 1))


def test_units_are_worth_what_they_say() -> None:
    assert (Unit.SAT.msat, Unit.MSAT.msat) == (1000, 1)
    assert MSAT_PER_BTC == 100_000_000 * MSAT_PER_SAT
    assert MAX_MSAT == 21_000_000 * MSAT_PER_BTC < 2**63
