"""Stored providers on a database in a folder."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from routstr.core.clock import ManualClock
from routstr.core.db import Database, migrate
from routstr.core.node_key import NodeKey
from routstr.upstream.service import Providers

NODE_KEY = NodeKey(bytes(range(32)))


@cache
def _migrated() -> bytes:
    """An empty database of this version, made once for the process."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "node.db"
        migrate.upgrade(f"sqlite:///{file}")
        return file.read_bytes()


@asynccontextmanager
async def database(folder: Path) -> AsyncIterator[Database]:
    file = folder / "node.db"
    file.write_bytes(_migrated())
    db = Database(f"sqlite:///{file}")
    db.start()
    try:
        yield db
    finally:
        await db.stop()


def providers(db: Database, clock: ManualClock | None = None, *, taken: str = "") -> Providers:
    return Providers(db, NODE_KEY, clock or ManualClock(), allow_insecure=True, taken=taken)
