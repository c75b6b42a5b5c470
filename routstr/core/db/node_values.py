"""A few single values that belong to the node itself (secret check, sealed seed)."""

from sqlalchemy import insert, select
from sqlmodel import Field, SQLModel, col

from routstr.core.db.backend import Tx


class NodeValue(SQLModel, table=True):
    """One named binary value; written once, never changed."""

    __tablename__ = "node_values"

    name: str = Field(primary_key=True, max_length=64)
    value: bytes


def remember(tx: Tx, name: str, value: bytes) -> bytes:
    """Store ``value`` under ``name`` unless there is one already; return what is stored."""
    stored = recall(tx, name)
    if stored is not None:
        return stored
    tx.sql.execute(insert(NodeValue).values(name=name, value=value))
    return value


def recall(tx: Tx, name: str) -> bytes | None:
    """Return the stored value, if any."""
    row = tx.sql.execute(select(col(NodeValue.value)).where(col(NodeValue.name) == name)).first()
    return None if row is None else bytes(row[0])
