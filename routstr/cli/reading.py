"""Looking into the node's database without changing anything, beside a running node or not."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from routstr.cli.shell import fail
from routstr.core.db import Database, migrate
from routstr.core.explanation import explain
from routstr.core.settings import Settings
from routstr.errors import RoutstrError

__all__ = ["PROBLEMS", "explain", "read_database"]

T = TypeVar("T")

PROBLEMS = (ValueError, SQLAlchemyError, OSError, RoutstrError)
"""What an operator can mend: told in one line; anything else is a fault and shows its traceback."""


def read_database(settings: Settings, look: Callable[[Connection], T]) -> T:
    """Look at one snapshot of the database; when that fails, tell why and end the command."""
    url = settings.database_url.reveal()
    try:
        migrate.require_current(url)
        return asyncio.run(_read(url, look))
    except PROBLEMS as error:
        fail(f"The database cannot be read: {explain(error)}.")


async def _read(url: str, look: Callable[[Connection], T]) -> T:
    db = Database(url)
    db.start()
    try:
        return await db.read(look)
    finally:
        await db.stop()
