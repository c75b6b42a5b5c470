"""Whether a node that is silent is relieved of what it holds, seen in the database."""

import asyncio
import time
from collections.abc import Collection
from typing import Final

from sqlalchemy import NullPool, bindparam, create_engine, text
from sqlalchemy.exc import OperationalError

_LEFT: Final = text(
    "SELECT h.id FROM holds h JOIN instances i ON i.id = h.owner "
    "WHERE h.state = 0 AND i.name LIKE '%/' || CAST(:pid AS text) || '/%'"
)
_OPEN: Final = text("SELECT count(*) FROM holds WHERE state = 0 AND id IN :ids").bindparams(
    bindparam("ids", expanding=True)
)
_SETTLED_S: Final = 0.3  # a statement that the node had sent before it stopped has ended by then
_LOOK_S: Final = 0.25


class Lease:
    """Looks at one database."""

    def __init__(self, url: str) -> None:
        self._engine: Final = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")

    async def left_by(self, pid: int) -> frozenset[int]:
        """The open holds of a process that stands still."""
        await asyncio.sleep(_SETTLED_S)
        with self._engine.connect() as connection:
            rows = connection.execute(_LEFT, {"pid": pid}).all()
        return frozenset(int(row[0]) for row in rows)

    async def ended(self, holds: Collection[int], *, limit_s: float) -> float | None:
        """After how many seconds somebody has ended all of them; None: nobody has."""
        began = time.monotonic()
        while time.monotonic() - began < limit_s:
            if not self._still_open(holds):
                return time.monotonic() - began
            await asyncio.sleep(_LOOK_S)
        return None

    def _still_open(self, holds: Collection[int]) -> int:
        try:
            with self._engine.connect() as connection:
                return int(connection.execute(_OPEN, {"ids": sorted(holds)}).scalar_one())
        except OperationalError:  # it is being restarted
            return len(holds)
