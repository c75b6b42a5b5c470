from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from routstr.money import Unit
from routstr.wallet import quotes
from routstr.wallet.models import QuoteState
from routstr.wallet.quote_overview import Ordered, orders, unsettled
from tests.unit.wallet.ordering import check, open_orders, order, the_mint
from tests.unit.wallet.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_orders(tmp_path) as world:
        yield world


async def listed(world: World, *, limit: int = 9, newest: bool = False) -> list[Ordered]:
    return await world.db.read(lambda c: unsettled(c, limit, newest=newest))


async def test_what_waits_is_listed_oldest_first_and_what_is_settled_is_not(world: World) -> None:
    paid, lost, waiting = [await order(world) for _ in range(3)]
    the_mint(world).pay(paid.mint_id)
    await check(world, paid)
    await world.db.write(lambda tx: quotes.close(tx, lost.id, QuoteState.LOST))
    assert [one.id for one in await listed(world)] == [lost.id, waiting.id]
    assert [one.id for one in await listed(world, limit=1)] == [lost.id]
    newest = await listed(world, newest=True)
    assert [one.id for one in newest] == [waiting.id, lost.id, paid.id]
    assert newest[-1].saga is not None


async def test_a_quote_is_told_without_what_is_secret_of_it(world: World) -> None:
    quote = await order(world)
    (found,) = await world.db.read(lambda c: orders(c, [quote.id, 99]))
    assert (found.amount, found.unit, found.state) == (11, Unit.SAT, QuoteState.UNPAID)
    assert quote.mint_id not in repr(found)
    assert quote.request not in repr(found)
