from pathlib import Path

from routstr.admin import repository
from routstr.admin.repository import SessionRecord, TokenRecord
from tests.unit.upstream.storing import database


def lasting(begun_at: int, expires_at: int) -> SessionRecord:
    return SessionRecord(0, begun_at, begun_at, expires_at, expires_at, "192.0.2.1", "a browser")


async def test_a_session_lives_until_it_ends_or_is_over(tmp_path: Path) -> None:
    async with database(tmp_path) as db:
        await db.write(lambda tx: repository.begin(tx, b"one", lasting(0, 100)))
        two = await db.write(lambda tx: repository.begin(tx, b"two", lasting(0, 200)))
        found = [
            await db.read(lambda c, now=now: repository.session(c, b"one", now))  # type: ignore[misc]
            for now in (99, 100)
        ]
        assert [one is not None for one in found] == [True, False]
        assert not await db.read(lambda c: repository.session(c, b"other", 0))
        await db.write(lambda tx: repository.begin(tx, b"three", lasting(150, 300)))
        assert not await db.read(lambda c: repository.session(c, b"one", 0)), "it was cleared away"
        assert await db.write(lambda tx: repository.end(tx, two))
        assert not await db.write(lambda tx: repository.end(tx, two))
        assert not await db.read(lambda c: repository.session(c, b"two", 0))
        (left,) = await db.read(lambda c: repository.sessions(c, 0))
        assert (left.expires_at, left.address) == (300, "192.0.2.1")


async def test_a_token_serves_until_it_expires_or_is_removed(tmp_path: Path) -> None:
    async with database(tmp_path) as db:
        given = TokenRecord(0, "script", "sk-admin-abcd", "read", 1, 100, None)
        number = await db.write(lambda tx: repository.add_token(tx, b"t", given))
        assert await db.read(lambda c: repository.token(c, b"t", 99))
        assert not await db.read(lambda c: repository.token(c, b"t", 100))
        await db.write(lambda tx: repository.use_token(tx, number, 50))
        assert [one.last_used_at for one in await db.read(repository.tokens)] == [50]
        assert await db.write(lambda tx: repository.remove_token(tx, number))
        assert not await db.write(lambda tx: repository.remove_token(tx, number))
        assert await db.read(repository.count_tokens) == 0
