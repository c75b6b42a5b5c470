"""Up to which id a table is complete.

Ids are given out in order but do not appear in order: on PostgreSQL a writer may take an id, and
another one commit a higher id first. A checkpoint behind the lower one would never see it. So the
horizon is the highest id that can be read, once every transaction has ended that was writing to
the table at that moment: whoever begins later gets higher ids. A batch of the node's writer takes
ids of holds before it writes there, but it marks itself first of all, which is waited for as well.
Nobody is blocked by the waiting. SQLite has one writer at a time: what can be read is complete.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import Connection, text

from routstr.core.db import Database, Dialect

WAIT_SECONDS_MAX: Final = 5.0
_POLL_SECONDS: Final = 0.02
_WRITERS: Final = """
SELECT DISTINCT l.virtualtransaction FROM pg_locks l
JOIN pg_class c ON c.oid = l.relation
WHERE l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND l.locktype = 'relation' AND l.mode = 'RowExclusiveLock'
  AND c.relname = ANY(:tables)
"""
"""Transactions that have written to one of the tables; the lock is there before the id is taken."""
_MARKS: Final = "write_marks"


async def find(
    db: Database, tables: Sequence[str], *, wait_seconds: float = WAIT_SECONDS_MAX
) -> Mapping[str, int] | None:
    """Return the horizon of each table (0: empty), as of one moment.

    Rows up to it are in every snapshot taken from now on. ``None`` when a transaction that writes
    there does not end in time.
    """
    highest, writers = await db.read(lambda c: (_highest(c, tables), _writers(c, tables)))
    try:
        async with asyncio.timeout(wait_seconds):
            while writers:
                await asyncio.sleep(_POLL_SECONDS)
                writers &= await db.read(lambda c: _writers(c, tables))
    except TimeoutError:
        return None
    return highest


def _highest(connection: Connection, tables: Sequence[str]) -> dict[str, int]:
    """Read the highest ids; first of all, so that its snapshot is older than the look at locks."""
    return {
        table: int(
            connection.exec_driver_sql(
                f"SELECT coalesce(max(id), 0) FROM {table}"  # noqa: S608 - the caller's constants
            ).scalar_one()
        )
        for table in tables
    }


def _writers(connection: Connection, tables: Sequence[str]) -> set[str]:
    if connection.dialect.name == Dialect.SQLITE:
        return set()
    return {row[0] for row in connection.execute(text(_WRITERS), {"tables": [*tables, _MARKS]})}
