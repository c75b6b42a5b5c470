from pathlib import Path

from routstr.admin import repository
from tests.unit.upstream.storing import database


async def test_a_session_lives_until_it_ends_or_is_over(tmp_path: Path) -> None:
    async with database(tmp_path) as db:
        await db.write(lambda tx: repository.begin(tx, b"one", 100, 0))
        await db.write(lambda tx: repository.begin(tx, b"two", 200, 0))
        lives = [
            await db.read(lambda c, now=now: repository.lives(c, b"one", now))  # type: ignore[misc]
            for now in (99, 100)
        ]
        assert lives == [True, False]
        assert not await db.read(lambda c: repository.lives(c, b"other", 0))
        await db.write(lambda tx: repository.begin(tx, b"three", 300, 150))
        assert not await db.read(lambda c: repository.lives(c, b"one", 0)), "it was cleared away"
        await db.write(lambda tx: repository.end(tx, b"two"))
        assert not await db.read(lambda c: repository.lives(c, b"two", 0))
        assert await db.read(lambda c: repository.lives(c, b"three", 0))
