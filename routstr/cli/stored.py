"""The settings of the node as a command meets them: the environment's, and what is stored."""

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from routstr.core.db import postgres, sqlite
from routstr.core.options import repository
from routstr.core.options.effective import combine
from routstr.core.options.repository import Rows
from routstr.core.options.service import values_of
from routstr.core.settings import Settings


def with_stored(given: Settings) -> Settings:
    """What holds for the node; stored values that do not fit are left out, as the node does.

    A database that is not there or cannot be read stores nothing: the command will say so itself.
    """
    file = given.database_file
    if file is not None and not file.exists():
        return given
    engine = (postgres if file is None else sqlite).engine(
        given.database_url.reveal(), read_only=True
    )
    try:
        with engine.connect() as connection:
            rows = _rows(connection)
    except SQLAlchemyError:
        return given
    finally:
        engine.dispose()
    return combine(given, values_of(rows), _anything).settings if rows else given


def _rows(connection: Connection) -> Rows:
    there = connection.dialect.has_table(connection, "options")
    return repository.every(connection) if there else {}


def _anything(_settings: Settings) -> None:
    """What only a running node asks is not asked by commands."""
