import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from routstr.core.clock import ManualClock
from routstr.errors import DepositsClosed, MintUnreachable, TokenAlreadySpent
from routstr.payment.intake import Intake
from routstr.wallet.mint_errors import MintDown
from routstr.wallet.token import Token
from tests.unit.wallet.played_mint import fail
from tests.unit.wallet.world import World, deposit, open_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path, clock=ManualClock()) as world:
        yield world


def dead(world: World, amount: int) -> Token:
    """A token that somebody else has redeemed."""
    given = world.mint.token(amount)
    world.mint.spend(given)
    return given


async def refused(intake: Intake, given: Token) -> None:
    with pytest.raises(TokenAlreadySpent):
        await intake.receive(deposit(given))


async def test_a_dead_token_is_asked_about_once_in_a_while(world: World) -> None:
    intake = Intake(world.house.wallet, world.clock)
    given = dead(world, 8)
    for _ in range(3):
        await refused(intake, given)
    assert world.mint.calls["check_state"] == 1
    assert isinstance(world.clock, ManualClock)
    world.clock.advance(seconds=601)
    await refused(intake, given)
    assert world.mint.calls["check_state"] == 2


async def test_so_many_dead_tokens_are_remembered_and_no_more(world: World) -> None:
    intake = Intake(world.house.wallet, world.clock, remembered_max=2)
    tokens = [dead(world, amount) for amount in (8, 16, 32)]
    for given in tokens:
        await refused(intake, given)
    for given in reversed(tokens):
        await refused(intake, given)
    assert world.mint.calls["check_state"] == 4, "only the oldest was forgotten"


async def test_a_token_that_was_not_redeemed_is_not_remembered_as_dead(world: World) -> None:
    intake = Intake(world.house.wallet, world.clock)
    given = world.mint.token(8)
    world.mint.next(fail(MintDown("gone")))
    with pytest.raises(MintUnreachable):
        await intake.receive(deposit(given))
    assert (await intake.receive(deposit(given))).net_msat == 8_000


async def test_nothing_is_redeemed_before_new_money_is_admitted(world: World) -> None:
    opened = asyncio.Event()

    async def admitted() -> None:
        await opened.wait()

    intake = Intake(world.house.wallet, world.clock, admitted=admitted)
    receiving = asyncio.create_task(intake.receive(deposit(world.mint.token(8))))
    await asyncio.sleep(0.05)
    assert not world.mint.calls
    opened.set()
    assert (await receiving).net_msat == 8_000


async def test_what_refuses_new_money_leaves_the_token_alone(world: World) -> None:
    async def admitted() -> None:
        raise DepositsClosed

    intake = Intake(world.house.wallet, world.clock, admitted=admitted)
    with pytest.raises(DepositsClosed):
        await intake.receive(deposit(world.mint.token(8)))
    assert not world.mint.calls
