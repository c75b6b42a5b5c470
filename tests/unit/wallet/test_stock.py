from pathlib import Path

from routstr.money import Unit
from routstr.wallet import doubts, stock
from tests.unit.wallet.world import open_world


async def test_free_proofs_are_counted_by_amount_and_keyset(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await world.house.receive(world.mint.token(2, 8, 8))
        (found,) = await world.db.read(stock.stocks)
        assert (found.mint, found.unit, found.active) == (world.mint.url, Unit.SAT, True)
        assert found.worth == 18
        assert found.proofs == sum(found.amounts.values())
        await world.house.send(2)
        (rest,) = await world.db.read(stock.stocks)
        assert rest.worth == 16


async def test_proofs_in_doubt_are_added_up(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await world.house.receive(world.mint.token(2, 8))
        assert await world.db.read(stock.doubted) == {}
        found = await world.db.read(lambda c: doubts.proofs(c, world.mint.url, 0, 99))
        await world.db.write(lambda tx: doubts.doubt(tx, found, 1))
        assert await world.db.read(stock.doubted) == {(world.mint.url, Unit.SAT): 10}
