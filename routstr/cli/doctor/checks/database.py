"""The database: there, writable, of this version, with its rules; and the disk under it."""

import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from routstr.cli.doctor.findings import Finding, State, fault, warning, well
from routstr.cli.doctor.patient import Ports
from routstr.core.db import migrate, postgres, sqlite
from routstr.core.db.migrate import REVISION, SchemaMissing, UnknownRevision
from routstr.core.explanation import explain
from routstr.core.settings import Settings
from routstr.ledger.guards import missing_guards

FREE_BYTES_MIN: Final = 100 * 1024**2
"""Less than this is a fault: the books, their log and a backup need room."""
FREE_BYTES_GOOD: Final = 1024**3
_OTHERS: Final = 0o077


def check(settings: Settings, ports: Ports) -> list[Finding]:
    """Look at it without a connection that stays. Blocks."""
    file = settings.database_file
    if file is None:
        return [_schema(settings)]
    found = [*_disk(file, ports), *_file(file)]
    if not file.exists() or any(one.state is State.FAULT for one in _file(file)):
        return found
    return [*found, _schema(settings)]


def usable(findings: list[Finding], settings: Settings) -> bool:
    """Whether the other checks can read the database."""
    file = settings.database_file
    there = file is None or file.exists()
    current = any(one.what.endswith(f"revision {REVISION}") for one in findings)
    return there and current


def _disk(file: Path, ports: Ports) -> Iterator[Finding]:
    folder = file.absolute().parent
    while not folder.exists():
        folder = folder.parent
    free = ports.free_bytes(folder)
    told, remedy = f"{free // 1024**2:,} MiB free for the database", "Make room on that disk."
    if free < FREE_BYTES_MIN:
        yield fault(told, f"the disk of {folder} is full or nearly so", remedy)
    elif free < FREE_BYTES_GOOD:
        yield warning(told, f"the disk of {folder} is filling up", remedy)
    else:
        yield well(told)


def _file(file: Path) -> list[Finding]:
    if not file.exists():
        return [
            warning(
                f"no database at {file}",
                "the node has not been started here, or DATABASE_URL names another place",
                "Start it with routstr serve, or run this where the node runs.",
            )
        ]
    mode = stat.S_IMODE(file.stat().st_mode)
    found: list[Finding] = []
    if os.name == "posix" and mode & _OTHERS:
        found.append(
            fault(
                f"{file} is open to others (mode {mode:04o})",
                "its permissions let other users of this machine read or change the books",
                f"chmod 600 {file}",
            )
        )
    if problem := _unwritable(file, mode):
        found.append(
            fault(
                f"{file} cannot be written",
                problem,
                f"chmod 600 {file}, give it and its folder to the user that runs the node, and "
                "mount the disk for writing.",
            )
        )
    return found


def _unwritable(file: Path, mode: int) -> str:
    """Why nothing can be written there; empty when it can. Nothing is."""
    if not mode & stat.S_IWUSR:  # who is root could, and the node should not be
        return "the file is read-only"
    if not os.access(file.parent, os.W_OK):
        return f"the folder {file.parent} is read-only: SQLite keeps a log beside the file"
    try:
        connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True, timeout=5)
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
        finally:
            connection.close()
    except sqlite3.Error as error:
        return explain(error)
    return ""


def _schema(settings: Settings) -> Finding:
    url = settings.database_url.reveal()
    try:
        migrate.require_current(url)
        missing = _missing_guards(url)
    except UnknownRevision as error:
        return fault(
            "the database is newer than this program",
            explain(error),
            "Install the newer version again, or restore the backup that belongs to this one.",
        )
    except SchemaMissing as error:
        return warning(
            "the database does not have this version's schema",
            explain(error),
            "Run routstr migrate; routstr serve does so by itself.",
        )
    except (SQLAlchemyError, OSError) as error:
        return fault(
            "the database cannot be read",
            explain(error),
            "Look at DATABASE_URL, and whether its server runs and takes the password.",
        )
    if missing:
        return fault(
            "the database does not protect the books",
            f"missing: {', '.join(missing)}; a tool or a hand removed them",
            "Restore a backup, or put them back as routstr/migrations makes them.",
        )
    place = settings.database_file or "PostgreSQL"
    return well(f"{place} has all its rules, revision {REVISION}")


def _missing_guards(url: str) -> list[str]:
    engine = (sqlite if url.startswith("sqlite") else postgres).engine(url, read_only=True)
    try:
        with engine.connect() as connection:
            return missing_guards(connection)
    finally:
        engine.dispose()
