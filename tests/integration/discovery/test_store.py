"""What instances agree on about Nostr, on both databases."""

from routstr.core.db import Database, migrate
from routstr.discovery import store


async def test_values_names_leases_and_spent_events(database_url: str) -> None:
    migrate.upgrade(database_url)
    db = Database(database_url)
    db.start()
    try:
        await db.write(lambda tx: store.put(tx, "a", b"1", 1))
        await db.write(lambda tx: store.put(tx, "a", b"2", 2))
        spent = [await db.write(lambda tx: store.spend(tx, "ab" * 32, 5)) for _ in range(2)]
        named = [
            await db.write(lambda tx: store.remember_provider(tx, "cd" * 32, "one", 1)),
            await db.write(lambda tx: store.remember_provider(tx, "cd" * 32, "two", 2)),
        ]
        leased = [
            await db.write(lambda tx: store.take_lease(tx, "x", 1, 5)),
            await db.write(lambda tx: store.take_lease(tx, "y", 2, 6)),
            await db.write(lambda tx: store.take_lease(tx, "y", 6, 9)),
        ]
        values = await db.read(store.every)
    finally:
        await db.stop()
    assert (spent, named, leased) == ([True, False], ["one", "one"], [True, False, True])
    assert values["a"] == store.Kept(b"2", 2)
