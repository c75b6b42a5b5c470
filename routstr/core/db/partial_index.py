"""Indexes that leave rows out."""

from sqlalchemy import Connection, Index, event, text


def partial_index(name: str, *columns: str, where: str) -> Index:
    """Index, on either database, the rows for which ``where`` holds.

    An index that named both at once would load the parts for PostgreSQL wherever a table is known.
    """
    index = Index(name, *columns, sqlite_where=text(where))

    @event.listens_for(index, "before_create")
    def _tell_postgres(target: Index, connection: Connection, **_: object) -> None:
        if connection.dialect.name == "postgresql":
            target.dialect_options["postgresql"]["where"] = text(where)

    return index
