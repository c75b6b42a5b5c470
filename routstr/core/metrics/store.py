"""Keeps what counters grow by, as sums over all processes that ever counted.

A scrape stores what its own process has counted and then reads the sums: so whichever process
answers, the sums never fall, over restarts neither. A crash loses the counts of the last seconds.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Final

import msgspec
from sqlalchemy import Connection, Table, select
from sqlmodel import col

from routstr.core.db import Database, Tx
from routstr.core.db.upsert import insert_into
from routstr.core.metrics.family import Family
from routstr.core.metrics.meters import Cell, Meters, Series
from routstr.core.metrics.models import MetricSum

PART_ROWS: Final = 200
"""Rows of one write: requests write meanwhile."""
_LABELS_LENGTH: Final = 1_024
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
        self._stored: Final[dict[Series, Cell]] = {}
        self._turn: Final = asyncio.Lock()

    async def flush(self) -> None:
        """Store what was counted since the last time. Raises what the database raises."""
        async with self._turn:
            # in one order, or instances would lock each other out
            grown = sorted(self._grown(), key=lambda one: one[0])
            for start in range(0, len(grown), PART_ROWS):
                part = grown[start : start + PART_ROWS]
                await self._db.write(partial(store, part=[growth for growth, _ in part]))
                for growth, stored in part:
                    stored[growth.place] += growth.value

    def _grown(self) -> Iterator[tuple[Growth, Cell]]:
        """What has grown, each with where it is noted as stored."""
        for series, cell in list(self.meters.cells.items()):
            stored = self._stored.setdefault(series, [0] * len(cell))
            if cell == stored:
                continue
            metric, labels = series[0], msgspec.json.encode(series[1]).decode()
            if len(labels) > _LABELS_LENGTH:
                continue  # nothing that is sold has such a name
            for place, value in enumerate(tuple(cell)):
                if grown := value - stored[place]:
                    yield Growth(metric, labels, place, grown), stored


def store(tx: Tx, part: Sequence[Growth]) -> None:
    """Add to the sums."""
    table: Table = MetricSum.__table__  # type: ignore[attr-defined]  # it has one
    new = insert_into(tx, MetricSum)
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
