"""What a purse takes in and gives away."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routstr.cli.purse.purse import gross_for
from routstr.errors import InsufficientLiquidity
from routstr.money import Unit
from routstr.wallet import token
from routstr.wallet.purse import HeldProof
from tests.unit.cli.purse.counter import NODE, Counter

FEES = st.integers(0, 2_000)
AMOUNTS = st.lists(st.sampled_from([1, 2, 4, 8, 16, 64]), max_size=12)


@given(AMOUNTS, FEES, st.integers(1, 100))
def test_what_leaves_pays_for_the_token_and_its_fee(
    amounts: list[int], ppk: int, wanted: int
) -> None:
    held = [HeldProof(index, amount, ppk) for index, amount in enumerate(amounts)]
    gross = gross_for(held, wanted)
    if gross is None:
        most_fee = (len(held) * ppk + 999) // 1_000
        assert sum(amounts) < wanted + most_fee or not amounts
    else:
        assert wanted <= gross <= sum(amounts)
        if not ppk:
            assert gross == wanted


async def test_a_token_is_taken_in_once(counter: Counter) -> None:
    text = counter.change(16, 4)
    arrived = await counter.purse.take_in(text)
    assert (arrived.amount, arrived.fee, arrived.unit) == (20, 0, Unit.SAT)
    await counter.purse.take_in(text)
    assert await counter.held() == 20


async def test_a_token_for_somebody_is_told_again_until_it_is_redeemed(counter: Counter) -> None:
    await counter.fill(16)
    made = await counter.purse.give(5, Unit.SAT, counter.mint.url)
    assert token.decode(made.token).amount == 5
    assert made.token not in repr(made)
    (again,) = await counter.again().given()
    assert (again.token, again.amount) == (made.token, 5)
    assert not await counter.purse.is_redeemed(again)
    counter.mint.spend(token.decode(made.token))
    assert await counter.purse.is_redeemed(again)
    await counter.purse.settle(again)
    assert await counter.purse.given() == []
    with pytest.raises(InsufficientLiquidity):
        await counter.purse.give(12, Unit.SAT, counter.mint.url)


async def test_a_payment_is_written_down_before_anybody_sees_it(counter: Counter) -> None:
    await counter.fill(16)
    paid = await counter.purse.pay(5, Unit.SAT, counter.mint.url, NODE)
    (again,) = await counter.again().unfinished()
    assert (again.token, again.node, again.amount) == (paid.token, NODE, 5)
    assert paid.token.encode() not in counter.world.written(), "sealed"
