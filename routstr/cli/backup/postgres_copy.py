"""All tables of a PostgreSQL database as they were at one moment, and back into an empty one.

Tables go through ``COPY``; the schema is not copied: the migrations make it, at the revision that
the backup names. Numbers that the database gives out go on behind the largest one.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
from psycopg import sql
from sqlalchemy import Connection, inspect

from routstr.core.db import postgres

FAULTS: Final = (sqlite3.Error, psycopg.Error)
"""What the drivers raise where nothing stands between."""
SCHEMA_TABLE: Final = "alembic_version"
_TABLES: Final = """
    SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename"""
_SERIALS: Final = """
    SELECT table_name, column_name FROM information_schema.columns
    WHERE table_schema = current_schema()
    AND (is_identity = 'YES' OR column_default LIKE 'nextval(%')"""
_SNAPSHOT: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


class Snapshot:
    """The database at one moment; ``tables`` come behind those that they refer to."""

    def __init__(self, connection: Connection) -> None:
        self.connection: Final = connection
        self.tables: Final = _dependent_last(connection)

    def rows(self, table: str) -> Iterator[bytes]:
        """Everything in a table, as ``COPY`` writes it."""
        query = sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(table))
        with _raw(self.connection).cursor() as cursor, cursor.copy(query) as copy:
            for part in copy:
                yield bytes(part)


@contextmanager
def snapshot(url: str) -> Iterator[Snapshot]:
    """Read everything in one transaction, which sees one moment however long it lasts."""
    with _connected(url) as connection:
        _raw(connection).execute(_SNAPSHOT)
        yield Snapshot(connection)


def is_empty(url: str) -> bool:
    """Whether there is no table at all."""
    with _connected(url) as connection:
        return not list(_raw(connection).execute(_TABLES))


@contextmanager
def filling(url: str) -> Iterator["Filling"]:
    """Fill the tables of a schema without data, all or nothing."""
    with _connected(url) as connection:
        raw = _raw(connection)
        order = _dependent_last(connection)
        raw.execute("BEGIN")
        for table in reversed(order):  # what migrations put there is in the backup, too
            raw.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
        filling = Filling(raw)
        yield filling
        filling.go_on_counting()
        raw.execute("COMMIT")


class Filling:
    """Takes the tables of a backup, in its order."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection: Final = connection

    def take(self, table: str, parts: Iterable[bytes]) -> None:
        """Put the rows of a table there."""
        query = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))
        with self._connection.cursor() as cursor, cursor.copy(query) as copy:
            for part in parts:
                copy.write(part)

    def go_on_counting(self) -> None:
        """Let each number that the database gives out follow the largest one there is."""
        for table, column in self._connection.execute(_SERIALS).fetchall():
            self._connection.execute(
                sql.SQL(
                    "SELECT setval(pg_get_serial_sequence({quoted}, {name}),"
                    " coalesce(max({column}), 1), max({column}) IS NOT NULL) FROM {table}"
                ).format(
                    quoted=sql.Literal(f'"{table}"'),
                    name=sql.Literal(column),
                    column=sql.Identifier(column),
                    table=sql.Identifier(table),
                )
            )


def _dependent_last(connection: Connection) -> list[str]:
    """Tables in an order in which each comes behind those that it refers to."""
    found = inspect(connection).get_sorted_table_and_fkc_names()
    return [name for name, _ in found if name is not None and name != SCHEMA_TABLE]


@contextmanager
def _connected(url: str) -> Iterator[Connection]:
    engine = postgres.engine(url, read_only=False)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _raw(connection: Connection) -> psycopg.Connection:
    raw = connection.connection.driver_connection
    assert isinstance(raw, psycopg.Connection)
    return raw
