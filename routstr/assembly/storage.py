"""The database, brought up to date and checked before anything else uses it."""

import asyncio
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from sqlalchemy import Connection

from routstr.core.db import Backend, Database, migrate, node_values
from routstr.core.db.retries import Retried
from routstr.core.db.writer import Committed
from routstr.core.logging import get_logger
from routstr.core.node_key import NodeKey, NodeKeyError
from routstr.core.settings import Settings
from routstr.ledger.guards import GuardsMissing, missing_guards

_log = get_logger(__name__)

_KEY_CHECK: Final = "secret_key_check"


@asynccontextmanager
async def open_database(
    settings: Settings,
    node_key: NodeKey,
    backend: Backend | None = None,
    committed: Committed = lambda _operations, _seconds: None,
    retried: Retried = lambda _why: None,
) -> AsyncIterator[Database]:
    """Bring the schema up to date and open the database, which is checked first.

    Raises :class:`migrate.UnknownRevision`, :class:`GuardsMissing`, :class:`NodeKeyError` when the
    key is not the one that the database was made with, or the driver's error.
    """
    url = settings.database_url.reveal()
    revision = await asyncio.to_thread(migrate.upgrade, url)
    db = Database(
        url,
        backend,
        committed=committed,
        retried=retried,
        readers=settings.database_readers,
        replica_url=settings.database_replica_url.reveal(),
    )
    db.start()
    try:
        await _check_guards(db)
        await _check_key(db, node_key)
        _log.info(
            "database_ready",
            revision=revision,
            secret_key_file=str(node_key.path or "from ROUTSTR_SECRET_KEY"),
        )
        yield db
    finally:
        await db.stop()


async def _check_guards(db: Database) -> None:
    if missing := await db.read(missing_guards):
        raise GuardsMissing(
            "the database lacks rules that protect the money, which a tool or a hand removed: "
            f"{', '.join(missing)}. Restore the backup, or put them back as "
            "routstr/migrations makes them."
        )


def made_with(connection: Connection, node_key: NodeKey) -> bool:
    """Whether the database was made with this key, or with none yet."""
    stored = node_values.look_up(connection, _KEY_CHECK)
    return stored is None or hmac.compare_digest(stored, node_key.fingerprint().encode())


async def _check_key(db: Database, node_key: NodeKey) -> None:
    mark = node_key.fingerprint().encode()
    stored = await db.write(lambda tx: node_values.remember(tx, _KEY_CHECK, mark))
    if not hmac.compare_digest(stored, mark):
        raise NodeKeyError(
            "the secret key does not belong to this database. Put back the key with which the "
            "database was made (ROUTSTR_SECRET_KEY or ROUTSTR_SECRET_KEY_FILE)."
        )
