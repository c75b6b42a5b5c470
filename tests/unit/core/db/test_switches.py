from functools import partial
from pathlib import Path

from routstr.core.db import switches
from tests.unit.upstream.storing import database


async def test_a_switch_keeps_its_moment_until_it_is_off(tmp_path: Path) -> None:
    async with database(tmp_path) as db:
        told = []
        for at, on in ((5, True), (6, True), (7, False), (8, False), (9, True)):
            await db.write(partial(switches.turn, name="a", at=at, on=on))
            told.append(await db.read(partial(switches.on_since, name="a")))
        assert told == [5, 5, None, None, 9]
        assert await db.read(partial(switches.on_since, name="b")) is None
