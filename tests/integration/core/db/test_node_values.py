import asyncio
import threading

from sqlalchemy import create_engine

from routstr.core.db import NodeValue, Tx, node_values
from tests.integration.core.db.things import Things


async def with_table(things: Things) -> None:
    engine = create_engine(things.url)
    NodeValue.__table__.create(engine)  # type: ignore[attr-defined]  # SQLModel does not declare it
    engine.dispose()


async def test_a_value_is_written_once_and_never_changed(things: Things) -> None:
    await with_table(things)
    db = things.open()
    assert await db.write(lambda tx: node_values.recall(tx, "seed")) is None
    assert await db.write(lambda tx: node_values.remember(tx, "seed", b"first")) == b"first"
    assert await db.write(lambda tx: node_values.remember(tx, "seed", b"second")) == b"first"
    assert await db.write(lambda tx: node_values.recall(tx, "seed")) == b"first"


async def test_two_instances_that_start_together_learn_the_same_value(things: Things) -> None:
    await with_table(things)
    both = threading.Barrier(2)

    def remember(tx: Tx, value: bytes) -> bytes:
        if tx.dialect == "postgresql":  # SQLite lets only one of them begin
            node_values.recall(tx, "seed")
            both.wait(5)
        return node_values.remember(tx, "seed", value)

    one, other = things.open(), things.open()
    answers = await asyncio.gather(
        one.write(lambda tx: remember(tx, b"one")), other.write(lambda tx: remember(tx, b"other"))
    )
    assert answers[0] == answers[1]
