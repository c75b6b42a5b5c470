"""A few single values that belong to the node itself (secret check, sealed seed).

A purse keeps change here that is still to be redeemed.
"""

from sqlalchemy import Connection, delete, select
from sqlmodel import Field, SQLModel, col

from routstr.core.db.backend import Tx
from routstr.core.db.upsert import insert_into


class NodeValue(SQLModel, table=True):
    """One named binary value; written once, never changed by a node."""

    __tablename__ = "node_values"

    name: str = Field(primary_key=True, max_length=64)
    value: bytes


def remember(tx: Tx, name: str, value: bytes) -> bytes:
    """Store ``value`` under ``name`` unless there is one already; return what is stored.

    Of two instances that start on a new database at the same time, both learn the first one's.
    """
    stored = recall(tx, name)
    if stored is None:
        new = insert_into(tx, NodeValue).values(name=name, value=value)
        tx.sql.execute(new.on_conflict_do_nothing(index_elements=["name"]))
        stored = recall(tx, name)
    assert stored is not None, "the value was stored, by us or by another writer"
    return stored


def recall(tx: Tx, name: str) -> bytes | None:
    """Return the stored value, if any."""
    return look_up(tx.sql, name)


def look_up(connection: Connection, name: str) -> bytes | None:
    """:func:`recall` on any connection, for whoever changes nothing."""
    row = connection.execute(
        select(col(NodeValue.value)).where(col(NodeValue.name) == name)
    ).first()
    return None if row is None else bytes(row[0])


def forget(tx: Tx, name: str) -> None:
    """Drop a value, if there is one."""
    tx.sql.execute(delete(NodeValue).where(col(NodeValue.name) == name))
