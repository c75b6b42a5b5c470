"""An INSERT that may meet a row which is there already; each database has its own form of it."""

from typing import TYPE_CHECKING

from sqlalchemy.dialects import sqlite
from sqlmodel import SQLModel

from routstr.core.db.backend import Dialect, Tx

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql


def insert_into(tx: Tx, table: type[SQLModel]) -> "sqlite.Insert | postgresql.Insert":
    """Begin an INSERT to which ``on_conflict_do_nothing`` or ``..._do_update`` can be added."""
    if tx.dialect is Dialect.SQLITE:
        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql  # noqa: PLC0415 - 3 MB that SQLite never needs

    return postgresql.insert(table)
