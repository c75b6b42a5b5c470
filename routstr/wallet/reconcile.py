"""Comparing the proofs that count as ours with what their mints say of them (NUT-07).

===========  ============  ===================================================================
here         at the mint   what follows
===========  ============  ===================================================================
unspent      SPENT         doubted: not chosen any more; still so a minute later: lost, booked
unspent      UNSPENT       doubts are over
reserved     any           left alone while its saga is open
...          UNSPENT       its saga has ended: free again
...          SPENT         its saga has ended: doubted, then lost
given out    SPENT         its owner has redeemed it: the claim is looked at
any          PENDING       left alone
===========  ============  ===================================================================

Nothing is decided on what was read before the mint answered: each change names the status and the
saga that it was worked out from, and changes nothing when a movement has taken the proof meanwhile.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, TypeAlias

from msgspec import Struct

from routstr.core.clock import Clock
from routstr.core.db import Database, Tx
from routstr.wallet import doubts
from routstr.wallet.doubts import Lost, Standing
from routstr.wallet.mint import BATCH, Mint
from routstr.wallet.mint_types import ProofState
from routstr.wallet.models import ProofStatus

DOUBT_MS: Final = 60_000
"""How long a proof that its mint calls spent is doubted before it is given up."""

BookLoss: TypeAlias = Callable[[Tx, Lost], None]
"""Whoever books what was lost, in the same transaction."""
Redeemed: TypeAlias = Callable[[int], Awaitable[object]]
"""Whoever looks at a token that was given out, by its saga."""


class Compared(Struct, frozen=True):
    """What a comparison came to. ``asked`` counts proofs."""

    asked: int = 0
    doubted: int = 0
    freed: int = 0
    lost: tuple[Lost, ...] = ()

    def plus(self, other: "Compared") -> "Compared":
        """Both together."""
        return Compared(
            self.asked + other.asked,
            self.doubted + other.doubted,
            self.freed + other.freed,
            self.lost + other.lost,
        )


class Comparison:
    """Compares in small batches; raises the mint's errors, and then nothing was changed."""

    def __init__(self, db: Database, clock: Clock, book: BookLoss, redeemed: Redeemed) -> None:
        self._db = db
        self._clock = clock
        self._book = book
        self._redeemed = redeemed

    async def batch(self, mint: Mint, interval_ms: int) -> Compared:
        """Compare the next few proofs, unless some instance did within the interval."""
        now = self._clock.now_ms()
        position = await self._db.write(lambda tx: doubts.turn(tx, mint.url, now, interval_ms))
        if position is None:
            return Compared()
        found = await self._db.read(lambda c: doubts.proofs(c, mint.url, position, BATCH))
        outcome = await self._compare(mint, found)
        upto = found[-1].id if len(found) == BATCH else 0
        await self._db.write(lambda tx: doubts.pass_on(tx, mint.url, upto))
        return outcome

    async def everything(self, mint: Mint) -> Compared:
        """Compare all proofs at a mint, one small batch after the other."""
        outcome, position = Compared(), 0
        while True:
            found = await self._db.read(
                partial(doubts.proofs, mint=mint.url, after=position, limit=BATCH)
            )
            if not found:
                return outcome
            outcome = outcome.plus(await self._compare(mint, found))
            position = found[-1].id

    async def doubted(self, mint: Mint) -> Compared:
        """Ask again for the proofs that have been doubted for a minute, and give lost ones up."""
        before = self._clock.now_ms() - DOUBT_MS
        found = await self._db.read(lambda c: doubts.doubted(c, mint.url, before, BATCH))
        if not found:
            return Compared()
        states = await mint.check_state([proof.y for proof in found])
        pairs = list(zip(found, states, strict=True))
        spent = [proof for proof, state in pairs if state is ProofState.SPENT]
        fine = [proof for proof, state in pairs if state is ProofState.UNSPENT]

        def decide(tx: Tx) -> list[Lost]:
            doubts.settle(tx, fine)
            lost = doubts.give_up(tx, mint.url, spent)
            for one in lost:
                self._book(tx, one)
            return lost

        lost = await self._db.write(decide)
        return Compared(asked=len(found), lost=tuple(lost))

    async def _compare(self, mint: Mint, found: Sequence[Standing]) -> Compared:
        if not found:
            return Compared()
        states = await mint.check_state([proof.y for proof in found])
        pairs = list(zip(found, states, strict=True))
        spent = [proof for proof, state in pairs if state is ProofState.SPENT]
        given = {proof.saga for proof in spent if proof.status is ProofStatus.ISSUED}
        doubtful = [proof for proof in spent if proof.status is not ProofStatus.ISSUED]
        idle = [
            proof
            for proof, state in pairs
            if state is ProofState.UNSPENT and proof.status is ProofStatus.RESERVED
        ]
        now = self._clock.now_ms()

        def note(tx: Tx) -> tuple[int, int]:
            return doubts.doubt(tx, doubtful, now), doubts.free(tx, idle)

        doubted, freed = await self._db.write(note) if doubtful or idle else (0, 0)
        for saga in sorted(saga for saga in given if saga is not None):
            await self._redeemed(saga)
        return Compared(len(found), doubted, freed)
