"""Bringing the schema up to date, once, however many processes start at the same time."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import complete_statement
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from routstr.core.db import sqlite
from routstr.core.db.database import driver

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

REVISION: Final = "0021"
"""What the newest script in ``routstr/migrations`` makes. A database that has it is not migrated,
and then neither Alembic nor the scripts are loaded, which would be a third of a node's start."""
SINCE: Final = "0019"
"""The oldest version, by its own :data:`REVISION`, that may go on working on this schema. A script
that takes away or changes what that one needs raises it; scripts that only add do not."""

_SINCE_NAME: Final = "schema_serves_since"
_FORGET_SINCE: Final = "DELETE FROM node_values WHERE name = :name"
_SCRIPTS: Final = Path(__file__).parents[2] / "migrations"
_AT_ONCE: Final = _SCRIPTS / "new_sqlite.sql"
"""What the scripts make of an empty SQLite database; when it is older, they do the rest.
``python -m tests.integration.core.db.new_sqlite`` renews it."""
_WAL_PAUSE_SECONDS: Final = 0.02
_LOCK: Final = 0x726F757473747201  # a name for the advisory lock


class UnknownRevision(ValueError):
    """The database was made by a newer version of the node; this one would damage it."""


class SchemaMissing(ValueError):
    """The database does not have this version's schema yet."""


@contextmanager
def locked(url: str) -> Iterator[Connection]:
    """Open a transaction that no other migration can run beside; commits at the end."""
    on_sqlite = url.startswith("sqlite")
    if on_sqlite:
        sqlite.create_file(url)
    engine = driver(url).engine(url, read_only=False)
    try:
        with engine.connect() as connection:
            if on_sqlite:
                _use_wal(connection)
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                connection.exec_driver_sql("BEGIN")
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            try:
                yield connection
            except BaseException:
                connection.exec_driver_sql("ROLLBACK")
                raise
            connection.exec_driver_sql("COMMIT")
    finally:
        engine.dispose()


def upgrade(url: str, to: str = "head") -> str:
    """Bring the database to this version's schema and return its revision. Blocks.

    A newer schema that says that this version may work on it is left as it is. ``to`` names an
    older revision, for a new database that old data come into. Raises :class:`UnknownRevision`, or
    the driver's error when the database cannot be reached.
    """
    if _exists(url) and (found := _serving(url)) is not None:
        return found
    with locked(url) as connection:
        if to == "head" and _empty_sqlite(connection):
            _make_at_once(connection)
        current = revision_of(connection)
        if current is not None and _serves(connection, current):
            return current
        from alembic import command  # noqa: PLC0415 - see REVISION

        config = _config()
        _refuse_unknown(_scripts(config), current)
        config.attributes["connection"] = connection
        command.upgrade(config, to)
        return str(revision_of(connection))


def _serving(url: str) -> str | None:
    """The database's revision, if this version may work on it as it is."""
    engine = driver(url).engine(url, read_only=True)
    try:
        with engine.connect() as connection:
            found = revision_of(connection)
            return found if found is not None and _serves(connection, found) else None
    finally:
        engine.dispose()


def _serves(connection: Connection, current: str) -> bool:
    """Whether this version may work on the schema: its own, or a newer one that says so."""
    if current <= REVISION or not connection.dialect.has_table(connection, "node_values"):
        return current == REVISION
    made, since = _told(connection)
    return made == current and since <= REVISION


def tell_older_ones(connection: Connection) -> None:
    """Write down, after scripts have run, which versions may work on what they have made."""
    if not connection.dialect.has_table(connection, "node_values"):
        return
    if revision_of(connection) == REVISION:
        serve_since(connection, max(SINCE, _told(connection)[1]))
    else:
        connection.execute(text(_FORGET_SINCE), {"name": _SINCE_NAME})


def _told(connection: Connection) -> tuple[str, str]:
    """Of which schema it is written down since when it serves, and since when."""
    query = text("SELECT value FROM node_values WHERE name = :name")
    told = connection.execute(query, {"name": _SINCE_NAME}).scalar_one_or_none()
    made, _, since = bytes(told or b"").decode().partition(" since ")
    return made, since


def serve_since(connection: Connection, oldest: str) -> None:
    """Write down that no version older than ``oldest`` may work on the database.

    A database does not go back on it: what made it so is still there.
    """
    row = {"name": _SINCE_NAME, "value": f"{REVISION} since {oldest}".encode()}
    connection.execute(text(_FORGET_SINCE), row)
    new = text("INSERT INTO node_values (name, value) VALUES (:name, :value)")
    connection.execute(new, row)


def _empty_sqlite(connection: Connection) -> bool:
    if connection.dialect.name != "sqlite":
        return False
    return not connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar_one()


def _make_at_once(connection: Connection) -> None:
    statement = ""
    for line in _AT_ONCE.read_text(encoding="utf-8").splitlines(keepends=True):
        statement += line
        if complete_statement(statement):
            connection.exec_driver_sql(statement)
            statement = ""


def require_current(url: str) -> None:
    """Make sure, without changing anything, that this version may work on the schema. Blocks.

    Raises :class:`SchemaMissing`, :class:`UnknownRevision`, or the driver's error when the database
    cannot be reached.
    """
    if not _exists(url):
        raise SchemaMissing(f"there is no database at {sqlite.database_path(url)}")
    if _serving(url) is None:
        current = revision(url)
        _refuse_unknown(_scripts(_config()), current)
        has = "no schema" if current is None else f"revision {current}"
        raise SchemaMissing(f"the database has {has}, not this version's: run routstr migrate")


def require_known(revision: str) -> None:
    """Raise :class:`UnknownRevision` for one that a newer version of the node has made."""
    if revision != REVISION:
        _refuse_unknown(_scripts(_config()), revision)


def revision(url: str) -> str | None:
    """The database's revision; None: it has no schema. Raises the driver's error. Blocks."""
    engine = driver(url).engine(url, read_only=True)
    try:
        with engine.connect() as connection:
            return revision_of(connection)
    finally:
        engine.dispose()


def downgrade(url: str, revision: str) -> None:
    """Take the database back to an older revision. Blocks."""
    from alembic import command  # noqa: PLC0415 - see REVISION

    config = _config()
    with locked(url) as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


def _exists(url: str) -> bool:
    return not url.startswith("sqlite") or sqlite.database_path(url).exists()


def _scripts(config: "Config") -> "ScriptDirectory":
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - see REVISION

    return ScriptDirectory.from_config(config)


def _config() -> "Config":
    from alembic.config import Config  # noqa: PLC0415 - see REVISION

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    return config


def revision_of(connection: Connection) -> str | None:
    """:func:`revision` on an open connection."""
    if not connection.dialect.has_table(connection, "alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def _refuse_unknown(scripts: "ScriptDirectory", current: str | None) -> None:
    if current is not None and current not in {s.revision for s in scripts.walk_revisions()}:
        raise UnknownRevision(
            f"the database has revision {current}, which this version does not know: "
            "install the newer version, or restore the backup that belongs to this one"
        )


def _use_wal(connection: Connection) -> None:
    """Switch to WAL, once. SQLite does not wait for other processes here, so we do."""
    deadline = time.monotonic() + sqlite.BUSY_TIMEOUT_SECONDS
    while connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() != "wal":
        try:
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        except OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_WAL_PAUSE_SECONDS)
