"""A table with one column, written to through any number of ``Database`` objects."""

from collections.abc import Callable
from typing import Self

from sqlalchemy import Connection, create_engine, text

from routstr.core.db import Backend, Database, Tx, WriteMark
from routstr.core.db.sqlite import create_file


class Things:
    """Names that are there once each."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._opened: list[Database] = []

    async def __aenter__(self) -> Self:
        if self.url.startswith("sqlite"):
            create_file(self.url)
        engine = create_engine(self.url)
        with engine.begin() as connection:
            if self.url.startswith("sqlite"):
                connection.exec_driver_sql("PRAGMA journal_mode=WAL")
            connection.execute(text("CREATE TABLE things (name VARCHAR(64) PRIMARY KEY)"))
            WriteMark.__table__.create(connection)  # type: ignore[attr-defined]  # SQLModel's own
        engine.dispose()
        return self

    async def __aexit__(self, *_: object) -> None:
        for db in self._opened:
            await db.stop()

    def open(self, backend: Backend | None = None, *, reconnect_seconds: float = 15) -> Database:
        """One more instance on the same database."""
        db = Database(self.url, backend, reconnect_seconds=reconnect_seconds)
        db.start()
        self._opened.append(db)
        return db


def insert(name: str) -> Callable[[Tx], str]:
    def run(tx: Tx) -> str:
        tx.sql.execute(text("INSERT INTO things VALUES (:name)"), {"name": name})
        return name

    return run


def names(connection: Connection) -> list[str]:
    rows = connection.execute(text("SELECT name FROM things ORDER BY name"))
    return [row[0] for row in rows]
