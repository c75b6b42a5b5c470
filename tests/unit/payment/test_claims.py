"""Which tokens are redeemed only their mints know; more of it stands in ``test_refund.py``."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from routstr.payment.audit import audit
from routstr.payment.claims import Claims, Given
from routstr.payment.refund_books import REFUND
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


class TestEarlierTokens:
    """Three of an account, each of before the next deposit."""

    @pytest.fixture
    async def owner(self, till: Till) -> int:
        owner = await till.account()
        for amount in (8, 4, 2):
            await till.deposit(owner, amount)
            await till.refund(owner)
        return owner

    async def test_are_asked_about_together_and_booked(
        self, till: Till, world: World, claims: Claims, owner: int
    ) -> None:
        found = await claims.earlier(owner, REFUND, ())
        assert [given.issued.amount for given in found] == [2, 4, 8], "the newest first"
        till.redeem(await world.house.wallet.token_text(found[1].issued))
        asked = world.mint.calls["check_state"]
        told = {found[0].issued.saga}
        assert sagas(await claims.earlier(owner, REFUND, told)) == [found[2].issued.saga]
        assert world.mint.calls["check_state"] == asked + 1
        assert await world.scalar("SELECT count(*) FROM issued_tokens WHERE state = 1") == 1
        assert (await world.db.read(audit)).holds

    async def test_are_a_key_s_own_and_no_operator_s(
        self, till: Till, claims: Claims, owner: int
    ) -> None:
        await till.refund(await till.account(1))
        assert len(await claims.earlier(owner, REFUND, ())) == 3
        assert await claims.earlier(owner, "key_withdrawal", ()) == []

    async def test_are_told_as_many_as_are_bearable_and_older_ones_later(
        self, till: Till, world: World, owner: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("routstr.payment.claims.TOLD_MAX", 2)
        claims = Claims(world.db, world.house.wallet, world.clock)
        newest = await claims.earlier(owner, REFUND, ())
        assert [given.issued.amount for given in newest] == [2, 4]
        told = {newest[0].issued.saga}
        rest = await claims.earlier(owner, REFUND, told)
        assert [given.issued.amount for given in rest] == [4, 8]
        for given in newest:
            till.redeem(await world.house.wallet.token_text(given.issued))
        assert await claims.earlier(owner, REFUND, ()) == []
        assert [g.issued.amount for g in await claims.earlier(owner, REFUND, ())] == [8]

    async def test_are_not_waited_for_long(
        self, till: Till, world: World, claims: Claims, owner: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("routstr.payment.claims.EARLIER_SECONDS_MAX", 0.05)
        monkeypatch.setattr(world.mint, "check_state", lambda *_, **__: asyncio.sleep(60))
        async with asyncio.timeout(30):
            assert len(await claims.earlier(owner, REFUND, ())) == 3

    async def test_of_a_mint_that_is_away_are_good(
        self, till: Till, world: World, claims: Claims, owner: int
    ) -> None:
        (newest, *_) = await claims.earlier(owner, REFUND, ())
        till.redeem(await world.house.wallet.token_text(newest.issued))
        world.mint.broken["check_state"] = MintDown("gone")
        assert len(await claims.earlier(owner, REFUND, ())) == 3
        world.mint.broken.clear()
        assert len(await claims.earlier(owner, REFUND, ())) == 2


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
