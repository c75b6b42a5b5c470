"""The secret key: there, closed to others, and the one with which the database was made."""

from typing import Final

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from routstr.assembly.storage import made_with
from routstr.cli.doctor.findings import Finding, fault, warning, well
from routstr.core.db import postgres, sqlite
from routstr.core.explanation import explain
from routstr.core.node_key import NodeKey, NodeKeyError, SealBroken, load_node_key
from routstr.core.settings import Settings
from routstr.wallet import seed

_PUT_BACK: Final = (
    "Put back the key with which the database was made: ROUTSTR_SECRET_KEY, the file of "
    "ROUTSTR_SECRET_KEY_FILE, or routstr restore from a backup."
)


def check(settings: Settings, *, with_database: bool) -> tuple[Finding, NodeKey | None]:
    """Look at the key and return it when it can be used. Makes none. Blocks."""
    file = settings.routstr_secret_key_file
    if not settings.routstr_secret_key and not file.exists():
        cause = f"there is no file {file}"
        if with_database:
            return fault("the secret key is missing", cause, _PUT_BACK), None
        return warning("no secret key yet", cause, "routstr serve makes one at its start."), None
    try:
        key = load_node_key(settings)
    except NodeKeyError as error:
        remedy = f"chmod 600 {file}" if "open to others" in str(error) else _PUT_BACK
        return fault("the secret key cannot be used", explain(error), remedy), None
    if with_database and (problem := _problem(settings, key)):
        return fault("the secret key does not fit the database", problem, _PUT_BACK), None
    opens = " and opens what is sealed in the database" if with_database else ""
    return well(f"the secret key is there{opens}"), key


def _problem(settings: Settings, key: NodeKey) -> str:
    url = settings.database_url.reveal()
    engine = (sqlite if url.startswith("sqlite") else postgres).engine(url, read_only=True)
    try:
        with engine.connect() as connection:
            return _compared(connection, key)
    except SQLAlchemyError as error:
        return explain(error)
    finally:
        engine.dispose()


def _compared(connection: Connection, key: NodeKey) -> str:
    if not made_with(connection, key):
        return "the database was made with another key"
    try:
        seed.read_words(connection, key)
    except SealBroken as error:
        return explain(error)
    return ""
