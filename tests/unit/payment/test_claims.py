"""Which tokens are redeemed only their mints know; more of it stands in ``test_refund.py``."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from routstr.payment.claims import Claims, Given
from routstr.wallet.mint_errors import MintDown
from tests.unit.payment.test_refund import Till, open_till
from tests.unit.wallet.world import World, open_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as world:
        yield world


@pytest.fixture
async def till(world: World) -> Till:
    return await open_till(world)


@pytest.fixture
def claims(world: World) -> Claims:
    return Claims(world.db, world.house.wallet, world.clock)


def sagas(found: list[Given]) -> list[int]:
    return [given.issued.saga for given in found]


async def test_new_tokens_are_not_asked_about(till: Till, world: World, claims: Claims) -> None:
    owner = await till.account(8)
    await till.refund(owner)
    (given,) = await claims.last(owner)
    asked = world.mint.calls["check_state"]
    deposited = given.issued.unit.to_msat(8)
    assert sagas(await claims.unredeemed(owner, deposited, new={given.issued.saga})) == [
        given.issued.saga
    ]
    assert world.mint.calls["check_state"] == asked
    assert sagas(await claims.unredeemed(owner, deposited)) == [given.issued.saga]
    assert world.mint.calls["check_state"] == asked + 1


async def test_a_token_of_before_the_last_deposit_is_another_matter(
    till: Till, claims: Claims
) -> None:
    owner = await till.account(8)
    await till.refund(owner)
    (old,) = await claims.last(owner)
    await till.deposit(owner, 4)
    assert await claims.unredeemed(owner, old.issued.unit.to_msat(12)) == []
    await till.refund(owner)
    (new,) = await claims.last(owner)
    assert new.issued.saga > old.issued.saga
    assert (new.issued.amount, old.issued.amount) == (4, 8)


async def test_money_that_comes_in_hides_no_token_of_which_nobody_was_told(
    till: Till, claims: Claims
) -> None:
    owner = await till.account(8)
    refund = await till.refund(owner)
    (untold,) = await claims.last(owner)
    await till.deposit(owner, 4)
    await till.refund(owner)
    found = await claims.unredeemed(owner, refund.worth, new={untold.issued.saga})
    assert sagas(found) == [untold.issued.saga]


async def test_a_token_is_good_while_nobody_can_be_asked(
    till: Till, world: World, claims: Claims
) -> None:
    owner = await till.account(8)
    refund = await till.refund(owner)
    till.redeem(refund.token)
    world.mint.broken["check_state"] = MintDown("gone")
    assert len(await claims.unredeemed(owner, refund.worth)) == 1
    world.mint.broken.clear()
    assert await claims.unredeemed(owner, refund.worth) == []
    assert len(await claims.last(owner)) == 1
