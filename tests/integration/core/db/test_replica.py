"""Statistics come from a server that follows, as long as it does; real streaming replication."""

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest
from sqlalchemy import Connection, text

from devkit.postgres import Postgres, database_name, database_url
from routstr.core.db import Database, postgres
from routstr.core.db.replica import REST_SECONDS, Replica
from tests.integration.core.db.things import Things, insert, names

pytestmark = [
    pytest.mark.slow,
    pytest.mark.parametrize(
        "database_url", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
    ),
]
LAG_MAX = 2.0


@pytest.fixture
async def follower(postgres: Postgres) -> AsyncIterator[Postgres]:
    server = await postgres.follow()
    yield server
    await server.stop()


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def where(connection: Connection) -> str:
    follows = connection.execute(text("SELECT pg_is_in_recovery()")).scalar_one()
    return "follower" if follows else "leader"


def command(server: Postgres, statement: str) -> None:
    with psycopg.connect(host=str(server.folder), user="postgres", autocommit=True) as connection:
        connection.execute(statement.encode())


async def arrived(db: Database, time: Time, wanted: list[str]) -> None:
    """Wait until the follower says this; there is always something to follow."""

    def of_the_follower(connection: Connection) -> list[str]:
        return names(connection) if where(connection) == "follower" else []

    async with asyncio.timeout(20):
        while await db.read_statistics(of_the_follower) != wanted:
            time.now += REST_SECONDS
            await db.write(lambda tx: tx.sql.execute(text("UPDATE things SET name = name")))
            await asyncio.sleep(0.05)


async def test_it_is_asked_while_it_keeps_up_and_money_is_never_read_there(
    things: Things, follower: Postgres
) -> None:
    db, time = things.open(), Time()
    url = database_url(follower.folder, database_name(things.url))
    db.replica = Replica(url, postgres, lag_seconds_max=LAG_MAX, monotonic=time)
    await db.write(insert("a"))
    await arrived(db, time, ["a"])
    assert (await db.read_statistics(where), await db.read(where)) == ("follower", "leader")
    assert not db.replica.problem

    command(follower, "SELECT pg_wal_replay_pause()")
    await db.write(insert("b"))
    await asyncio.sleep(LAG_MAX + 0.2)
    assert await db.read_statistics(names) == ["a", "b"], "the leader told"
    assert "seconds behind" in db.replica.problem
    command(follower, "SELECT pg_wal_replay_resume()")
    assert await db.read_statistics(where) == "leader", "it is left alone for a while"

    await arrived(db, time, ["a", "b"])
    assert await db.read_statistics(where) == "follower"
    assert not db.replica.problem

    follower.kill()
    assert await db.read_statistics(where) == "leader"
    assert db.replica.problem.startswith("failing")
    assert db.load.reading == 0


async def test_what_does_not_follow_but_has_the_rows_is_a_replica_too(things: Things) -> None:
    """A copy made otherwise: here the same server, by a connection that only reads."""
    db = things.open()
    db.replica = Replica(things.url, postgres, lag_seconds_max=LAG_MAX)
    await db.write(insert("a"))
    assert await db.read_statistics(names) == ["a"]
    assert not db.replica.problem

    def write(connection: Connection) -> None:
        connection.execute(text("INSERT INTO things VALUES ('b')"))

    with pytest.raises(Exception, match="read-only"):
        await db.read_statistics(write)
    assert await db.read(names) == ["a"]
