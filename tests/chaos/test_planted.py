"""A whole small run without faults agrees; a msat that is planted in it does not."""

import asyncio
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import NullPool, create_engine, text

from tests.chaos.settling import Clients, Evidence, calm, clients, gather, settle
from tests.chaos.world import World

_LOAD_S = 3.0
_CHANGE = """
UPDATE transfers SET amount = amount + 1
WHERE kind = 2 AND reference = (SELECT id FROM holds WHERE request_id = :request_id)
"""


def change_one_transfer(url: str, request_id: str) -> None:
    """A charge becomes a msat dearer, past the trigger that forbids it."""
    with create_engine(url, poolclass=NullPool).begin() as connection:
        connection.execute(text("ALTER TABLE transfers DISABLE TRIGGER USER"))
        assert connection.execute(text(_CHANGE), {"request_id": request_id}).rowcount == 1
        connection.execute(text("ALTER TABLE transfers ENABLE TRIGGER USER"))


def told_a_msat_more(right: Evidence) -> Evidence:
    """One answer of one client."""
    book = right.books[0]
    asked = next(one for one in book.asked if one.told is not None)
    wrong = replace(asked, told=asked.told + 1 if asked.told else 1)
    others = [wrong if one is asked else one for one in book.asked]
    return replace(right, books=[replace(book, asked=others), *right.books[1:]])


def unheard(right: Evidence) -> Evidence:
    """As if no client had heard a single answer."""
    books = [
        replace(
            book,
            asked=[replace(one, request_id="", status=0, told=None) for one in book.asked],
        )
        for book in right.books
    ]
    return replace(right, books=books)


async def loaded(world: World) -> Clients:
    everybody, over = await clients(world, Random(1), Counter()), asyncio.Event()
    running = asyncio.create_task(everybody.run(over))
    await asyncio.sleep(_LOAD_S)
    over.set()
    await running
    return everybody


@pytest.mark.slow
async def test_a_planted_msat_does_not_agree(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    async with World(tmp_path) as world:
        everybody = await loaded(world)
        assert await calm(world) == []
        served = frozenset(world.served)
        await settle(everybody)
        right = await gather(world, everybody, served)
        assert right.troubles() == []
        assert sum(len(book.charges) for book in right.books) > len(right.books)
        assert told_a_msat_more(right).troubles()
        assert unheard(right).troubles() == []  # every charge is known by its prompt
        assert replace(unheard(right), served=frozenset(list(served)[1:])).troubles()
        node = world.nodes["node-one"]
        assert (await node.verify())[0] == 0

        change_one_transfer(world.books.url, right.books[0].charges[0].request_id)
        assert (await gather(world, everybody, served)).troubles()
        status, output = await node.verify()
        assert status != 0, output
