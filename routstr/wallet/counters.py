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

Proofs of an old database may be spent: none is given away before all of them were compared with
what the mint says. That they must be is written down first, so that a crash forgets nothing.
"""

import asyncio
from collections import defaultdict
from typing import Final, Protocol

from msgspec import Struct
from sqlalchemy import Connection, func, select
from sqlmodel import col

from routstr.core.clock import Clock
from routstr.core.db import Database, Tx
from routstr.core.logging import get_logger
from routstr.wallet import doubts, findings, purse
from routstr.wallet.findings import Found
from routstr.wallet.keysets import Keyset
from routstr.wallet.mint import BATCH, Mint
from routstr.wallet.mint_errors import MintBusy, MintDown, MintRefusal, MintUnclear
from routstr.wallet.mints import as_wallet_error
from routstr.wallet.models import KeysetRow
from routstr.wallet.sagas import Seal
from routstr.wallet.search import Gap, patiently, search

_log = get_logger(__name__)

GAP_AHEAD: Final = 1_000
"""Unsigned numbers that end a search ahead. What lies behind a longer gap is met some day, when the
mint refuses outputs, and looked for again."""
REST_S: Final = 60.0
"""How long a mint is not asked again that could not make itself clear."""


class Finding(Struct, frozen=True):
    """A keyset's counters were moved from ``counter`` to ``upto``; ``found`` is what was added."""

    keyset: str
    counter: int
    upto: int
    found: Found | None


class Keeper(Protocol):
    """Whoever keeps the books of this wallet."""

    def found(self, tx: Tx, found: Found) -> None:
        """Book ecash that was added."""
        ...

    def is_old(self, mint: Mint, finding: Finding) -> None:
        """Tell the operator that the database was older than the mint's signatures."""
        ...

    async def compare(self, mint: Mint) -> None:
        """Compare all proofs at a mint with what it says; raises the mint's errors."""
        ...


class Counters:
    """Keeps the counters of this database ahead of the mints' signatures."""

    def __init__(self, db: Database, clock: Clock, seal: Seal, seed: bytes, keeper: Keeper) -> None:
        self._db = db
        self._clock = clock
        self._seal = seal
        self._seed = seed
        self._keeper = keeper
        self._compared: set[str] = set()
        self._trusted: set[str] = set()
        self._rests_until: dict[str, float] = {}
        self._asking: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def before_use(self, mint: Mint, keyset: Keyset, *, again: bool = False) -> None:
        """Make sure, once per process or ``again``, that the next counters are unused.

        A mint that cannot restore, or does not make itself clear about it, holds nothing up: it
        refuses what it has signed. Raises the wallet's errors when the mint cannot be asked, or
        when the proofs at it must be compared and are not.
        """
        if again:
            self._compared.discard(keyset.id)
        try:
            if not self._is_done(keyset):
                async with self._asking[keyset.id]:
                    if not self._is_done(keyset):
                        await self._look(mint, keyset, again=again)
            if mint.url not in self._trusted:
                async with self._asking[mint.url]:
                    await self._compare(mint)
        except (MintBusy, MintDown, MintUnclear, MintRefusal) as error:
            raise as_wallet_error(error) from error

    def _is_done(self, keyset: Keyset) -> bool:
        if keyset.id in self._compared:
            return True
        return self._clock.monotonic() < self._rests_until.get(keyset.id, 0)

    async def _look(self, mint: Mint, keyset: Keyset, *, again: bool = False) -> None:
        try:
            if again or await self._is_behind(mint, keyset):
                await self._catch_up(mint, keyset)
        except MintRefusal as error:
            _log.info("counters_not_compared", mint=mint.url, problem=str(error))
        except MintUnclear as error:
            _log.warning("counters_not_compared", mint=mint.url, problem=str(error))
            self._rests_until[keyset.id] = self._clock.monotonic() + REST_S
            return
        self._compared.add(keyset.id)

    async def _is_behind(self, mint: Mint, keyset: Keyset) -> bool:
        """Whether the mint has signed a number that this database has not given out."""
        first = await self._db.read(lambda c: _counter(c, keyset.id))
        if not first:  # no proof can be given away, and a refusal would be noticed
            return False
        async for signed in search(mint, keyset, self._seed, Gap(), first=first):
            if signed.proofs:
                upto = signed.next_counter
                return upto > await self._db.read(lambda c: _counter(c, keyset.id))
        return False

    async def _catch_up(self, mint: Mint, keyset: Keyset) -> None:
        """Move the counters behind all that is signed, and add what is unspent of it."""
        self._trusted.discard(mint.url)
        await self._db.write(lambda tx: doubts.distrust(tx, mint.url, self._clock.now_ms()))
        first = max(0, await self._db.read(lambda c: _counter(c, keyset.id)) - BATCH)
        everything = search(mint, keyset, self._seed, Gap.of(GAP_AHEAD), first=first, ask=patiently)
        signed = [batch async for batch in everything if batch.proofs]

        def catch_up(tx: Tx) -> Finding | None:
            counter = findings.lock_counter(tx, keyset.id)
            upto = max((batch.next_counter for batch in signed), default=0)
            findings.advance(tx, keyset.id, upto)
            taken = findings.numbers_in_flight(tx.sql, self._seal, keyset.id)
            unspent = [p for batch in signed for p in batch.unspent if p.counter not in taken]
            found = findings.add(tx, mint.url, keyset, unspent)
            if found is not None:
                self._keeper.found(tx, found)
            is_news = found is not None or upto > counter
            return Finding(keyset.id, counter, max(upto, counter), found) if is_news else None

        finding = await self._db.write(catch_up)
        if finding is not None:
            self._keeper.is_old(mint, finding)

    async def _compare(self, mint: Mint) -> None:
        """Compare everything at a mint that an old database may be wrong about."""
        if await self._db.read(lambda c: doubts.is_distrusted(c, mint.url)):
            for keyset in await self._db.read(lambda c: purse.load_keysets(c, mint.url)):
                if keyset.id not in self._compared:
                    await self._look(mint, keyset)
            await self._keeper.compare(mint)
            await self._db.write(lambda tx: doubts.trust(tx, mint.url))
        self._trusted.add(mint.url)


def _counter(connection: Connection, keyset_id: str) -> int:
    counter = func.max(col(KeysetRow.counter))
    return int(
        connection.execute(select(counter).where(col(KeysetRow.keyset_id) == keyset_id)).scalar()
        or 0
    )
