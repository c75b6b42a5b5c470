"""Noticing that a database is older than what its mints have signed (NUT-13, 09).

After a backup was put back, the counters are those of the day it was made, and a mint refuses to
sign the same outputs twice. So before a process uses a keyset for the first time, and again when a
mint refuses outputs as signed, the mint is asked for the numbers ahead. What it signed there is
from the time that the backup does not know: the counters go on behind it, and what is unspent of it
is added to the wallet.

A number ahead of the counter is one that no movement in this database ever took. The counter is
read again after the mint has answered, so that movements of other instances are not mistaken. After
a refusal the numbers just behind the counter are looked at as well, for the refused movement has
used them up: what is signed there and belongs to no open movement is money all the same.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from msgspec import Struct
from sqlalchemy import Connection, func, select
from sqlmodel import col

from routstr.core.db import Database, Tx
from routstr.core.logging import get_logger
from routstr.wallet import findings
from routstr.wallet.findings import Book, Found
from routstr.wallet.keysets import Keyset
from routstr.wallet.mint import BATCH, Mint
from routstr.wallet.mint_errors import MintError, MintRefusal
from routstr.wallet.models import KeysetRow
from routstr.wallet.sagas import Seal
from routstr.wallet.search import GAP_USED, Gap, patiently, search

_log = get_logger(__name__)

ANSWER_S_MAX: Final = 10.0
"""How long a movement waits for this: without an answer it goes on, and outputs that were signed
before are refused by the mint."""


class Finding(Struct, frozen=True):
    """A keyset's counters were moved from ``counter`` to ``upto``; ``found`` is what was added."""

    keyset: str
    counter: int
    upto: int
    found: Found | None


Told: TypeAlias = Callable[[Mint, Finding], Awaitable[None]]


class Counters:
    """Keeps the counters of this database ahead of the mints' signatures.

    ``book`` books ecash that was found. ``told`` is called after counters had to be moved.
    """

    def __init__(self, db: Database, seal: Seal, seed: bytes, book: Book, told: Told) -> None:
        self._db = db
        self._seal = seal
        self._seed = seed
        self._book = book
        self._told = told
        self._compared: set[str] = set()
        self._asking: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def before_use(self, mint: Mint, keyset: Keyset, *, again: bool = False) -> None:
        """Make sure, once per process or ``again``, that the next counters are unused.

        A mint that does not answer, or cannot restore, holds nothing up.
        """
        if again:
            self._compared.discard(keyset.id)
        if keyset.id in self._compared:
            return
        async with self._asking[keyset.id]:
            if keyset.id in self._compared:
                return
            try:
                behind = again or await self._is_behind(mint, keyset)
                finding = await self._catch_up(mint, keyset) if behind else None
            except (MintError, TimeoutError) as error:
                problem = str(error) or type(error).__name__
                _log.warning("counters_not_compared", mint=mint.url, problem=problem)
                if not isinstance(error, MintRefusal):
                    return
                finding = None
            self._compared.add(keyset.id)
        if finding is not None:  # without the lock: whoever is told may look at other keysets
            await self._told(mint, finding)

    async def _is_behind(self, mint: Mint, keyset: Keyset) -> bool:
        """Whether the mint has signed a number that this database has not given out."""
        first = await self._db.read(lambda c: _counter(c, keyset.id))
        async with asyncio.timeout(ANSWER_S_MAX):
            async for signed in search(mint, keyset, self._seed, Gap(), first=first):
                if signed.proofs:
                    upto = signed.next_counter
                    return upto > await self._db.read(lambda c: _counter(c, keyset.id))
        return False

    async def _catch_up(self, mint: Mint, keyset: Keyset) -> Finding | None:
        """Move the counters behind all that is signed; None: there is nothing to be done."""
        first = max(0, await self._db.read(lambda c: _counter(c, keyset.id)) - BATCH)
        everything = search(mint, keyset, self._seed, Gap.of(GAP_USED), first=first, ask=patiently)
        signed = [batch async for batch in everything if batch.proofs]

        def catch_up(tx: Tx) -> Finding | None:
            counter = findings.lock_counter(tx, keyset.id)
            upto = max((batch.next_counter for batch in signed), default=0)
            findings.advance(tx, keyset.id, upto)
            taken = findings.numbers_in_flight(tx.sql, self._seal, keyset.id)
            unspent = [p for batch in signed for p in batch.unspent if p.counter not in taken]
            found = findings.add(tx, mint.url, keyset, unspent)
            if found is not None:
                self._book(tx, found)
            is_news = found is not None or upto > counter
            return Finding(keyset.id, counter, max(upto, counter), found) if is_news else None

        return await self._db.write(catch_up)


def _counter(connection: Connection, keyset_id: str) -> int:
    counter = func.max(col(KeysetRow.counter))
    return int(
        connection.execute(select(counter).where(col(KeysetRow.keyset_id) == keyset_id)).scalar()
        or 0
    )
