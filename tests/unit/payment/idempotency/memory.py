"""Records in memory: the real SQL without files and threads, and a database that can go away."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, create_engine, insert
from sqlalchemy.pool import StaticPool
from sqlmodel import SQLModel

from routstr.core.clock import ManualClock
from routstr.core.db import Database, Dialect, Tx
from routstr.core.node_key import NodeKey
from routstr.errors import DatabaseUnavailable
from routstr.ledger.models import Hold, Instance
from routstr.payment.idempotency.models import IdempotencyRecord
from routstr.payment.idempotency.repeats import Repeats

T = TypeVar("T")
NODE = NodeKey(bytes(range(32)))
ME = 1
_TABLES = [cast("Any", model).__table__ for model in (IdempotencyRecord, Instance, Hold)]


class Memory:
    """A database of one connection; every call suspends once, so a caller can be cancelled."""

    def __init__(self) -> None:
        self._engine = create_engine(
            "sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False}
        )
        SQLModel.metadata.create_all(self._engine, tables=_TABLES)
        self.away = False
        self.writes = 0

    async def write(self, fn: Callable[[Tx], T]) -> T:
        if self.away:
            raise DatabaseUnavailable
        with self._engine.begin() as connection:
            self.writes += 1
            result = fn(Tx(connection, None, Dialect.SQLITE))
        await asyncio.sleep(0)
        return result

    async def read(self, fn: Callable[[Connection], T]) -> T:
        await asyncio.sleep(0)
        with self._engine.connect() as connection:
            return fn(connection)

    async def rows(self) -> list[tuple[Any, ...]]:
        query = "SELECT owner, answer IS NOT NULL FROM idempotency"
        return await self.read(lambda c: [tuple(row) for row in c.exec_driver_sql(query)])

    async def hold(self, request_id: str, state: int, *, charged: int = 0) -> None:
        """Enter the hold of a paid request."""
        values = {
            "account": 1,
            "amount": 100,
            "state": state,
            "charged": charged,
            "uncollected": 0,
            "owner": ME,
            "request_id": request_id,
            "model": "m",
            "endpoint": "/e",
            "price_version": 1,
            "rates": "{}",
            "prompt_tokens": 12,
            "completion_tokens": 6,
            "created_at": 1,
        }
        await self.write(lambda tx: tx.sql.execute(insert(Hold).values(**values)))

    def close(self) -> None:
        self._engine.dispose()


def repeats(memory: Memory, clock: ManualClock | None = None, instance: int = ME) -> Repeats:
    """Those of one instance, for 24 hours."""
    return Repeats(
        cast("Database", memory),
        NODE,
        clock or ManualClock(),
        instance,
        stale_seconds=60,
        keep_hours=24,
    )
