"""Stored together, or not at all."""

from pathlib import Path

from routstr.core.options import repository
from tests.unit.upstream import storing


async def test_a_change_is_made_on_what_was_seen_only(tmp_path: Path) -> None:
    async with storing.database(tmp_path) as db:
        assert await db.read(repository.every) == {}
        first = {"name": '"A"', "npub": '""'}
        assert await db.write(lambda tx: repository.change(tx, {}, first, (), 7))
        seen = await db.read(repository.every)
        assert seen == {"name": ('"A"', 7), "npub": ('""', 7)}
        assert not await db.write(lambda tx: repository.change(tx, {}, {"name": '"B"'}, (), 8))
        assert await db.read(repository.every) == seen
        again = {"name": '"C"'}
        assert await db.write(lambda tx: repository.change(tx, seen, again, {"npub"}, 9))
        assert await db.read(repository.every) == {"name": ('"C"', 9)}
