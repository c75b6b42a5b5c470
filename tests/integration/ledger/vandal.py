"""Books that are changed behind the node's back, as a bug or an operator with a shell would."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from sqlalchemy import Connection, text

from routstr.core.db import postgres, sqlite
from routstr.ledger.entries import Held
from tests.integration.ledger.bank import Bank, request, settlement

PAID_IN: Final = 1_000
CHARGED: Final = 60
LOST: Final = 70
UNIQUE_KEY: Final = 'UNIQUE ("key")'


async def fill(url: str) -> None:
    """One customer; holds that are settled, released, settled too late, and open.

    They are of a key with a limit that has no cap.
    """
    async with Bank(url) as bank:
        account = await bank.customer(PAID_IN)
        mark = await bank.limit(account)
        answers = [await bank.ledger.hold(request(account, 100, mark=mark)) for _ in range(4)]
        settled, released, late, _open = (a.hold for a in answers if isinstance(a, Held))
        await bank.ledger.settle(settlement(settled, CHARGED))
        await bank.ledger.release(released)
        await bank.ledger.release(late, expire=True)
        await bank.ledger.hold(request(account, PAID_IN, minimum=0))
        await bank.ledger.settle(settlement(late, LOST))


class Books:
    """A database that is the same again after each change."""

    def __init__(self, url: str) -> None:
        self.on_sqlite = url.startswith("sqlite")
        self._engine = (sqlite if self.on_sqlite else postgres).engine(url, read_only=False)

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def open(self) -> Iterator[Connection]:
        """A connection set up as the node's own, inside of a transaction that is undone."""
        with self._engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            try:
                yield connection
            finally:
                connection.exec_driver_sql("ROLLBACK")

    @contextmanager
    def changed(self, *statements: str) -> Iterator[Connection]:
        """As :meth:`open`, after these were run past every trigger and CHECK."""
        with self.open() as connection:
            if self.on_sqlite:
                connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
                self._past_triggers(connection, statements)
            else:
                self._past_checks(connection, statements)
            yield connection

    def without(self, connection: Connection, table: str, part: str) -> None:
        """Rebuild an SQLite table without a part of its definition, triggers and all."""
        query = "SELECT type, sql FROM sqlite_master WHERE tbl_name = :table AND sql NOT NULL"
        parts = connection.execute(text(query), {"table": table}).all()
        definition = next(row[1] for row in parts if row[0] == "table")
        assert part in definition
        bare = re.sub(rf",\s*{re.escape(part)}", "", definition)
        run(
            connection,
            "PRAGMA defer_foreign_keys = ON",
            re.sub(rf"^CREATE TABLE \"?{table}\"?", "CREATE TABLE rebuilt", bare),
            f"INSERT INTO rebuilt SELECT * FROM {table}",
            f"DROP TABLE {table}",
            f"ALTER TABLE rebuilt RENAME TO {table}",
            *(row[1] for row in parts if row[0] != "table"),
        )

    def _past_triggers(self, connection: Connection, statements: Sequence[str]) -> None:
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
        triggers = connection.execute(text(query)).all()
        run(connection, *(f"DROP TRIGGER {row[0]}" for row in triggers), *statements)
        run(connection, *(row[1] for row in triggers))

    def _past_checks(self, connection: Connection, statements: Sequence[str]) -> None:
        query = (
            "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)"
            " FROM pg_constraint WHERE contype = 'c' AND connamespace = 'public'::regnamespace"
        )
        checks = connection.execute(text(query)).all()
        run(
            connection,
            "SET LOCAL session_replication_role = replica",  # no triggers, no foreign keys
            *(f"ALTER TABLE {row[0]} DROP CONSTRAINT {row[1]}" for row in checks),
            *statements,
            *(f"ALTER TABLE {r[0]} ADD CONSTRAINT {r[1]} {r[2]} NOT VALID" for r in checks),
        )


def run(connection: Connection, *statements: str) -> None:
    for statement in statements:
        connection.exec_driver_sql(statement)
