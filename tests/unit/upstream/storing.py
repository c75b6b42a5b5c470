"""Stored providers on a database in a folder."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from routstr.core.clock import ManualClock
from routstr.core.db import Database, migrate
from routstr.core.node_key import NodeKey
from routstr.upstream.service import Providers

NODE_KEY = NodeKey(bytes(range(32)))


@asynccontextmanager
async def database(folder: Path) -> AsyncIterator[Database]:
    url = f"sqlite:///{folder}/node.db"
    migrate.upgrade(url)
    db = Database(url)
    db.start()
    try:
        yield db
    finally:
        await db.stop()


def providers(db: Database, clock: ManualClock | None = None, *, taken: str = "") -> Providers:
    return Providers(db, NODE_KEY, clock or ManualClock(), allow_insecure=True, taken=taken)
