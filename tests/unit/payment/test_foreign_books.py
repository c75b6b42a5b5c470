"""What is booked of a token that paid for ecash of another mint."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from routstr.errors import DepositsClosed
from routstr.ledger import verdict
from routstr.payment.foreign_books import PassingCompletion
from routstr.wallet.models import SagaKind
from tests.unit.wallet.world import DRAFT, World, open_world

SAGA = msgspec.structs.replace(
    DRAFT,
    id=7,
    kind=SagaKind.FORWARD,
    gross=110,
    fee=1,
    plan=msgspec.structs.replace(DRAFT.plan, face=110, pay=100),
)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as world:
        yield world


async def posted(world: World) -> tuple[int, int]:
    """What is owed as tokens, and what is an asset at the token's mint."""
    names = "SELECT coalesce(sum(posted), 0) FROM accounts WHERE name"
    asset = await world.scalar(f"{names} = 'asset:sat:{SAGA.mint}'")
    return await world.scalar(f"{names} = 'unclaimed'"), -asset


@pytest.mark.parametrize(("spent", "left"), [(102, 8), (110, 0)])
async def test_what_is_left_is_an_asset_and_owed_once(world: World, spent: int, left: int) -> None:
    books, done = PassingCompletion(world.clock), msgspec.structs.replace(SAGA, spent=spent)
    await world.db.write(lambda tx: books.intended(tx, SAGA))
    assert await posted(world) == (0, 0)
    accounts = [await world.db.write(lambda tx: books.done(tx, done)) for _ in range(2)]
    assert await posted(world) == (left * 1_000, left * 1_000)
    owed = await world.scalar("SELECT id FROM accounts WHERE name = 'unclaimed'")
    assert accounts == [owed, owed]


async def test_a_token_that_was_not_spent_leaves_no_trace(world: World) -> None:
    books = PassingCompletion(world.clock)
    await world.db.write(lambda tx: books.intended(tx, SAGA))
    await world.db.write(lambda tx: books.failed(tx, SAGA))
    assert await posted(world) == (0, 0)


async def test_nothing_is_spent_while_deposits_are_closed(world: World) -> None:
    await world.db.write(lambda tx: verdict.close(tx, 1, "an equation"))
    with pytest.raises(DepositsClosed):
        await world.db.write(lambda tx: PassingCompletion(world.clock).intended(tx, SAGA))
