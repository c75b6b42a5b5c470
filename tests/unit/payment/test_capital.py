"""Tokens of the operator are capital, and owed to nobody."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from routstr.errors import DepositsClosed
from routstr.ledger import verdict
from routstr.ledger.verify import liabilities
from routstr.money import ZERO
from routstr.payment.audit import audit
from routstr.payment.capital import CAPITAL, CapitalCompletion
from routstr.wallet.mint_errors import MintDown
from routstr.wallet.models import SagaState
from routstr.wallet.receive import Deposit
from routstr.wallet.sagas import Saga
from routstr.wallet.token import Token
from tests.unit.wallet.played_mint import PlayedMint
from tests.unit.wallet.signing import Signer
from tests.unit.wallet.world import World, open_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path, PlayedMint(Signer(fee=100))) as world:
        world.house.wallet.register(CAPITAL, CapitalCompletion(world.clock))
        yield world


async def bring(world: World, token: Token) -> Saga:
    return await world.house.wallet.receive(Deposit(token, CAPITAL, None, {}, ZERO))


async def capital(world: World) -> int:
    query = "SELECT coalesce(sum(posted), 0) FROM accounts WHERE name = 'capital'"
    return int(await world.scalar(query))


async def test_what_arrives_is_capital_and_the_fee_the_operators(world: World) -> None:
    saga = await bring(world, world.mint.token(4, 8))
    assert (saga.gross, saga.fee, saga.state) == (12, 1, SagaState.DONE)
    assert await capital(world) == 11_000
    assert await world.db.read(liabilities) == 0
    for _ in range(2):
        outcome = await world.db.read(audit)
        assert outcome.holds, [check for check in outcome.checks if not check.holds]
        assert outcome.assets == 11_000


async def test_the_same_token_again_brings_nothing(world: World) -> None:
    token = world.mint.token(8)
    first = await bring(world, token)
    assert (await bring(world, token)).id == first.id
    assert await capital(world) == 7_000


async def test_a_token_that_is_not_redeemed_is_not_booked(world: World) -> None:
    token = world.mint.token(8)
    world.mint.broken["swap"] = MintDown("gone")
    with pytest.raises(Exception, match="cannot be reached"):
        await bring(world, token)
    assert await capital(world) == 0
    world.mint.broken.clear()
    await bring(world, token)
    assert await capital(world) == 7_000


async def test_while_deposits_are_closed_nothing_is_taken(world: World) -> None:
    await world.db.write(lambda tx: verdict.close(tx, 1, "a test"))
    with pytest.raises(DepositsClosed):
        await bring(world, world.mint.token(8))
    assert world.mint.calls["swap"] == 0


async def test_a_movement_that_brought_nothing_is_noticed(world: World) -> None:
    await bring(world, world.mint.token(8))
    await world.db.write(lambda tx: tx.sql.execute(text("UPDATE sagas SET state = 2")))
    outcome = await world.db.read(audit)
    wrong = {check.name for check in outcome.checks if not check.holds}
    assert "every deposit belongs to a finished saga" in wrong
