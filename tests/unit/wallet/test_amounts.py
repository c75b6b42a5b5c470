from collections.abc import Sequence
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routstr.wallet.amounts import MAX_OUTPUTS, CannotSplit, Coin, Selection, select, split
from routstr.wallet.keysets import input_fee

POWERS = [1 << n for n in range(64)]


def test_an_amount_splits_into_its_binary_digits_ascending() -> None:
    assert split(13, POWERS) == [1, 4, 8]
    assert split(0, POWERS) == []


@given(st.integers(0, (1 << 64) - 1))
def test_a_split_into_powers_of_two_is_exact_and_each_is_used_once(amount: int) -> None:
    pieces = split(amount, POWERS)
    assert sum(pieces) == amount
    assert len(set(pieces)) == len(pieces) == amount.bit_count()
    assert pieces == sorted(pieces)


@given(
    amount=st.integers(0, 3_000),
    denominations=st.sets(st.integers(2, 500), max_size=6).map(lambda d: d | {1}),
)
@settings(max_examples=60)
def test_a_split_uses_only_the_keysets_denominations(amount: int, denominations: set[int]) -> None:
    try:
        pieces = split(amount, denominations)
    except CannotSplit:
        assert amount > MAX_OUTPUTS
        return
    assert sum(pieces) == amount
    assert set(pieces) <= denominations
    assert len(pieces) <= MAX_OUTPUTS


def test_a_missing_large_denomination_is_made_of_smaller_ones() -> None:
    assert split(9, [1, 2, 4]) == [1, 4, 4]


@pytest.mark.parametrize(
    ("amount", "denominations"),
    [(1, []), (3, [2, 4]), (-1, POWERS), (MAX_OUTPUTS + 1, [1]), (1 << 62, [1, 2])],
)
def test_an_amount_that_cannot_be_made_up_is_refused(amount: int, denominations: list[int]) -> None:
    with pytest.raises(CannotSplit):
        split(amount, denominations)


def test_as_many_outputs_as_allowed_pass() -> None:
    assert split(MAX_OUTPUTS, [1]) == [1] * MAX_OUTPUTS


def best(coins: Sequence[Coin], target: int, max_inputs: int) -> tuple[int, int] | None:
    """Try every set: the smallest excess, then the fewest coins."""
    found = [
        (excess, count)
        for count in range(1, max_inputs + 1)
        for chosen in combinations(coins, count)
        if (excess := sum(c.amount for c in chosen) - input_fee(c.fee_ppk for c in chosen) - target)
        >= 0
    ]
    return min(found, default=None)


powers = st.lists(st.sampled_from([1, 2, 4, 8, 16, 32]), max_size=10)
fees = st.sampled_from([0, 1, 100, 250, 999, 1000, 2500])


def check(selection: Selection, coins: Sequence[Coin], target: int, max_inputs: int) -> None:
    chosen = [coins[i] for i in selection.indexes]
    assert len(set(selection.indexes)) == len(chosen) <= max_inputs
    assert selection.amount == sum(coin.amount for coin in chosen)
    assert selection.fee == input_fee(coin.fee_ppk for coin in chosen)
    assert selection.excess == selection.amount - selection.fee - target >= 0


@given(amounts=powers, target=st.integers(1, 200), max_inputs=st.integers(1, 6))
@settings(max_examples=150, deadline=None)
def test_without_fees_the_choice_is_the_best_there_is(
    amounts: list[int], target: int, max_inputs: int
) -> None:
    coins = [Coin(amount) for amount in amounts]
    selection = select(coins, target, max_inputs=max_inputs)
    expected = best(coins, target, max_inputs)
    if selection is None:
        assert expected is None
        return
    check(selection, coins, target, max_inputs)
    assert (selection.excess, len(selection.indexes)) == expected


@given(
    coins=st.lists(st.builds(Coin, st.integers(1, 70), fees), max_size=8),
    target=st.integers(1, 200),
    max_inputs=st.integers(1, 5),
)
@settings(max_examples=150, deadline=None)
def test_with_any_fees_and_amounts_a_choice_is_found_whenever_there_is_one(
    coins: list[Coin], target: int, max_inputs: int
) -> None:
    selection = select(coins, target, max_inputs=max_inputs)
    expected = best(coins, target, max_inputs)
    assert (selection is None) == (expected is None)
    if selection:
        check(selection, coins, target, max_inputs)


def test_coins_that_cover_target_and_fee_exactly_are_preferred() -> None:
    coins = [Coin(amount, 100) for amount in (1, 2, 4, 8, 16, 64)]
    selection = select(coins, 20, max_inputs=20)
    assert selection == Selection((0, 2, 4), amount=21, fee=1, excess=0)


def test_the_smallest_excess_comes_before_few_inputs() -> None:
    selection = select([Coin(32), Coin(8), Coin(8), Coin(4)], 15, max_inputs=20)
    assert selection == Selection((1, 2), amount=16, fee=0, excess=1)


def test_a_limit_on_inputs_is_kept_at_the_price_of_excess() -> None:
    coins = [Coin(1)] * 10 + [Coin(16)]
    assert select(coins, 10, max_inputs=10) == Selection(tuple(range(10)), 10, 0, 0)
    assert select(coins, 10, max_inputs=9) == Selection((10,), 16, 0, 6)
    assert select([Coin(1)] * 10, 10, max_inputs=9) is None


def test_coins_that_cost_more_than_they_are_worth_stay() -> None:
    assert select([Coin(1, 1000), Coin(1, 2000)], 1, max_inputs=5) is None
    assert select([Coin(1, 1000), Coin(2, 1000)], 1, max_inputs=5) == Selection((1,), 2, 1, 0)


def test_a_large_coin_with_an_absurd_fee_does_not_hide_the_better_ones() -> None:
    coins = [Coin(10, 9500), Coin(6), Coin(5)]
    assert select(coins, 11, max_inputs=2) == Selection((1, 2), amount=11, fee=0, excess=0)


def test_among_equal_coins_the_cheaper_then_the_earlier_is_taken() -> None:
    assert select([Coin(4, 9), Coin(4, 5), Coin(4, 5)], 3, max_inputs=2) == Selection((1,), 4, 1, 0)


@pytest.mark.parametrize(("target", "expected"), [(0, Selection((), 0, 0, 0)), (-1, None)])
def test_nothing_needs_no_coins(target: int, expected: Selection | None) -> None:
    assert select([Coin(1)], target, max_inputs=1) == expected


def test_thousands_of_coins_are_searched_quickly() -> None:
    coins = [Coin(1 << (n % 20), 100) for n in range(5_000)]
    selection = select(coins, 1_234_567, max_inputs=20)
    assert selection is not None
    assert selection.excess == 0
