"""How much has moved, by kind, since the books were opened: exact, and read once.

Transfers never change, so a process adds up only those that are new since it looked last. What
requests are charged is left out: there are too many of them, and their sum is the revenue account.
"""

import asyncio
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct
from sqlalchemy import Connection, text

from routstr.core.db import Database
from routstr.ledger import horizon
from routstr.ledger.kinds import TransferKind
from routstr.money import ZERO, Msat

_TRANSFERS: Final = "transfers"
_CHARGE: Final = int(TransferKind.CHARGE)
_NEW: Final = f"""
SELECT count(*), coalesce(sum(amount), 0) FROM transfers
WHERE kind = :kind AND kind <> {_CHARGE} AND id > :after AND id <= :upto
"""  # noqa: S608 - a constant of this program; it lets the index without charges be used


class Flow(Struct, frozen=True):
    """Transfers of one kind."""

    count: int = 0
    amount: Msat = ZERO


_NONE: Final = Flow()


class Flows:
    """What one process has added up so far."""

    def __init__(self, db: Database) -> None:
        self._db: Final = db
        self._upto = 0
        self._known: Mapping[TransferKind, Flow] = MappingProxyType({})
        self._turn: Final = asyncio.Lock()

    async def read(self) -> Mapping[TransferKind, Flow]:
        """Every kind that there is in the books. Raises ``DatabaseUnavailable``."""
        async with self._turn:
            upto = (await horizon.find(self._db, (_TRANSFERS,)) or {}).get(_TRANSFERS, 0)
            if upto > self._upto:
                after = self._upto
                new = await self._db.read(lambda c: _new(c, after, upto))
                self._known = MappingProxyType(_sum(self._known, new))
                self._upto = upto
        return self._known


def _new(connection: Connection, after: int, upto: int) -> dict[TransferKind, Flow]:
    found = {}
    for kind in TransferKind:
        window = {"kind": int(kind), "after": after, "upto": upto}
        count, amount = connection.execute(text(_NEW), window).one()
        if count:
            found[kind] = Flow(int(count), Msat(int(amount)))
    return found


def _sum(
    known: Mapping[TransferKind, Flow], new: Mapping[TransferKind, Flow]
) -> dict[TransferKind, Flow]:
    both: dict[TransferKind, Flow] = dict(known)
    for kind, flow in new.items():
        before = both.get(kind, _NONE)
        both[kind] = Flow(before.count + flow.count, before.amount + flow.amount)
    return both
