"""Adds transfers to the stored sums of :mod:`routstr.ledger.usage`, each exactly once."""

import asyncio
from functools import partial
from typing import Final

from sqlalchemy import Table, update
from sqlmodel import col

from routstr.core.db import Database, Tx
from routstr.core.db.upsert import insert_into
from routstr.ledger import horizon
from routstr.ledger.usage import NOTHING, SPANS, Figures, Group, Part, next_part
from routstr.ledger.usage_models import UsageProgress, UsageSum

PART_ROWS: Final = 5_000
_PAUSE_SECONDS: Final = 0.02  # between parts: requests write meanwhile
_ROW: Final = 1
_TRANSFERS: Final = "transfers"
_KEYS: Final = ("span", "start", "model", "provider")


class UsageFold:
    """Keeps the sums up to date; any number of instances may."""

    def __init__(self, db: Database, *, rows: int = PART_ROWS) -> None:
        """``rows`` are added in one transaction."""
        self._db: Final = db
        self._rows: Final = rows

    async def run(self) -> int:
        """Add what is complete and not yet added; return how many ids the sums went further."""
        upto = await horizon.find(self._db, (_TRANSFERS,))
        if upto is None or not upto[_TRANSFERS]:
            return 0
        gone = 0
        while step := await self._step(upto[_TRANSFERS]):
            gone += step
            await asyncio.sleep(_PAUSE_SECONDS)
        return gone

    async def _step(self, upto: int) -> int:
        part = await self._db.read(partial(next_part, rows=self._rows, horizon=upto))
        if part.upto <= part.after or not await self._db.write(partial(store, part=part)):
            return 0
        return part.upto - part.after


def store(tx: Tx, part: Part) -> bool:
    """Add a part to the sums; false when they have gone further since it was worked out."""
    first = insert_into(tx, UsageProgress).values(id=_ROW, upto=0)
    tx.sql.execute(first.on_conflict_do_nothing(index_elements=["id"]))
    moved = tx.sql.execute(
        update(UsageProgress)
        .where(col(UsageProgress.id) == _ROW, col(UsageProgress.upto) == part.after)
        .values(upto=part.upto)
    )
    if moved.rowcount != 1:
        return False
    rows = [row for span in SPANS for row in _rows(part, span)]
    if rows:
        table: Table = UsageSum.__table__  # type: ignore[attr-defined]  # it has one
        new = insert_into(tx, UsageSum)
        added = {name: table.c[name] + new.excluded[name] for name in Figures.__struct_fields__}
        tx.sql.execute(new.on_conflict_do_update(index_elements=_KEYS, set_=added), rows)
    return True


def _rows(part: Part, span: int) -> list[dict[str, int | str]]:
    sums: dict[Group, Figures] = {}
    for group, figures in part.sums.items():
        key = Group(group.start // span * span, group.model, group.provider)
        sums[key] = sums.get(key, NOTHING) + figures
    return [
        {
            "span": span,
            "start": group.start,
            "model": group.model,
            "provider": group.provider,
            **{name: getattr(figures, name) for name in Figures.__struct_fields__},
        }
        for group, figures in sums.items()
    ]
