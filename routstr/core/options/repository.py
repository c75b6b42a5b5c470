"""SQL of the stored settings."""

from collections.abc import Collection, Mapping
from typing import TypeAlias

from sqlalchemy import Connection, delete, insert, select
from sqlmodel import col

from routstr.core.db import Tx
from routstr.core.options.models import Option

Rows: TypeAlias = Mapping[str, tuple[str, int]]
"""JSON text and moment (ms since 1970) by name: all that is stored, which is its own version."""


def every(connection: Connection) -> Rows:
    """All stored settings."""
    found = connection.execute(select(col(Option.name), col(Option.value), col(Option.changed_at)))
    return {name: (value, int(at)) for name, value, at in found}


def change(
    tx: Tx, seen: Rows, changed: Mapping[str, str], removed: Collection[str], at: int
) -> bool:
    """Store and remove, if what is stored is still what was ``seen``; false: it is not."""
    if every(tx.sql) != seen:
        return False
    if gone := {*removed, *changed}:
        tx.sql.execute(delete(Option).where(col(Option.name).in_(gone)))
    if changed:
        rows = [{"name": one, "value": value, "changed_at": at} for one, value in changed.items()]
        tx.sql.execute(insert(Option), rows)
    return True
