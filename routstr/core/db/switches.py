"""Switches that the operator turns: durable, and the same for every instance on the database."""

from sqlalchemy import BigInteger, Column, Connection, delete, select
from sqlmodel import Field, SQLModel, col

from routstr.core.db.backend import Tx
from routstr.core.db.upsert import insert_into


class Switch(SQLModel, table=True):
    """One switch that is on, and since when, in ms since 1970; one that is off has no row."""

    __tablename__ = "switches"

    name: str = Field(primary_key=True, max_length=64)
    since: int = Field(sa_column=Column(BigInteger, nullable=False))


def on_since(connection: Connection, name: str) -> int | None:
    """Since when a switch is on; None: it is off."""
    row = connection.execute(select(col(Switch.since)).where(col(Switch.name) == name)).first()
    return None if row is None else int(row[0])


def turn(tx: Tx, name: str, at: int, *, on: bool) -> None:
    """Turn a switch; one that is on already keeps its moment."""
    if on:
        new = insert_into(tx, Switch).values(name=name, since=at)
        tx.sql.execute(new.on_conflict_do_nothing(index_elements=["name"]))
    else:
        tx.sql.execute(delete(Switch).where(col(Switch.name) == name))
