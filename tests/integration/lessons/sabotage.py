"""A database that refuses one kind of write, as a full disk or a bug would, until it is mended.

Done from outside of the node, by a trigger: what is proved is what a node does when it learns at
the worst moment that something cannot be stored.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import NullPool, create_engine, text

_SQLITE: Final = """
CREATE TRIGGER sabotage BEFORE {event} ON {table} WHEN {when}
BEGIN SELECT RAISE(ABORT, 'sabotage'); END
"""
_POSTGRES: Final = (
    """CREATE OR REPLACE FUNCTION sabotage() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'sabotage'; END $$""",
    """CREATE TRIGGER sabotage BEFORE {event} ON {table}
    FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION sabotage()""",
)


@contextmanager
def refused(
    url: str, event: str, table: str, *, when: str = "NEW.state = NEW.state"
) -> Iterator[None]:
    """Let every such write fail: ``refused(url, "INSERT", "issued_tokens")``."""
    engine = create_engine(url, poolclass=NullPool)
    on_sqlite = engine.dialect.name == "sqlite"
    with engine.begin() as connection:
        for statement in (_SQLITE,) if on_sqlite else _POSTGRES:
            sql = statement.format(event=event, table=table, when=when)
            connection.exec_driver_sql(sql)
    try:
        yield
    finally:
        drop = "DROP TRIGGER sabotage" + ("" if on_sqlite else f" ON {table}")
        with engine.begin() as connection:
            connection.execute(text(drop))
