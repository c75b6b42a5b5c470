"""Keeps what counters grow by, as sums over all processes that ever counted.

A scrape stores what its own process has counted and then reads the sums: so whichever process
answers, the sums never fall, over restarts neither. A crash loses the counts of the last seconds.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

import msgspec
from sqlalchemy import Connection, Table, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col

from routstr.core.db import Database, Dialect, Tx
from routstr.core.metrics.family import Family
from routstr.core.metrics.meters import Cell, Meters, Series
from routstr.core.metrics.models import MetricSum

PART_ROWS: Final = 200
"""Rows of one write: requests write meanwhile."""
_LABELS_LENGTH: Final = 1_024
_INSERT: Final[dict[Dialect, Callable[..., sqlite.Insert | postgresql.Insert]]] = {
    Dialect.SQLITE: sqlite.insert,
    Dialect.POSTGRESQL: postgresql.insert,
}
_KEYS: Final = ("metric", "labels", "place")
_decode: Final = msgspec.json.Decoder(tuple[str, ...]).decode

Sums = Mapping[Series, Cell]


class Growth(msgspec.Struct, frozen=True, order=True):
    """By how much one number has grown; ``labels`` as they are stored."""

    metric: str
    labels: str
    place: int
    value: int


class MetricStore:
    """Stores the counts of one process."""

    def __init__(self, db: Database, meters: Meters) -> None:
        self._db: Final = db
        self.meters: Final = meters
        self._stored: dict[tuple[str, str, int], int] = {}
        self._turn: Final = asyncio.Lock()

    async def flush(self) -> None:
        """Store what was counted since the last time. Raises what the database raises."""
        async with self._turn:
            grown = sorted(self._grown())  # in one order, or instances would lock each other out
            for start in range(0, len(grown), PART_ROWS):
                part = grown[start : start + PART_ROWS]
                await self._db.write(partial(store, part=part))
                for one in part:
                    key = (one.metric, one.labels, one.place)
                    self._stored[key] = self._stored.get(key, 0) + one.value

    def _grown(self) -> Iterator[Growth]:
        for (metric, values), cell in list(self.meters.cells.items()):
            labels = msgspec.json.encode(values).decode()
            if len(labels) > _LABELS_LENGTH:
                continue  # nothing that is sold has such a name
            for place, value in enumerate(tuple(cell)):
                if grown := value - self._stored.get((metric, labels, place), 0):
                    yield Growth(metric, labels, place, grown)


def store(tx: Tx, part: Sequence[Growth]) -> None:
    """Add to the sums."""
    table: Table = MetricSum.__table__  # type: ignore[attr-defined]  # it has one
    new = _INSERT[tx.dialect](MetricSum)
    added = {"value": table.c.value + new.excluded.value}
    rows = [msgspec.structs.asdict(one) for one in part]
    tx.sql.execute(new.on_conflict_do_update(index_elements=_KEYS, set_=added), rows)


def sums(connection: Connection, families: Sequence[Family]) -> Sums:
    """What all processes have counted of these metrics."""
    sizes = {family.name: family.size for family in families}
    arity = {family.name: len(family.labels) for family in families}
    found: dict[Series, Cell] = {}
    rows = connection.execute(
        select(
            col(MetricSum.metric), col(MetricSum.labels), col(MetricSum.place), col(MetricSum.value)
        )
    )
    for metric, labels, place, value in rows:
        values = _decode(labels)
        # another version of this program may count otherwise
        if place >= sizes.get(metric, 0) or len(values) != arity[metric]:
            continue
        found.setdefault((metric, values), [0] * sizes[metric])[place] = value
    return found
