"""Verifying the books while the node runs, and what follows from it.

Each run continues the last proof; now and then, and always while deposits are closed, everything is
recomputed from the first transfer on. A broken equation closes deposits on every instance, durably
and with an alarm; requests and refunds go on. A full verification that holds opens them again.
"""

import asyncio
from functools import partial
from typing import Final

from msgspec import Struct
from sqlalchemy import Connection

from routstr.core.clock import Clock
from routstr.core.db import Database
from routstr.core.logging import get_logger
from routstr.core.mapped_files import trim
from routstr.errors import DepositsClosed
from routstr.ledger import checkpoint, horizon, verdict
from routstr.ledger.checkpoint import Step
from routstr.ledger.verdict import Verdict
from routstr.payment.alerts import Alert
from routstr.payment.audit import Audit, audit, audit_recent

_log = get_logger(__name__)

FIRST_SECONDS_MAX: Final = 10.0
"""How long a deposit waits for the first verification after the start."""
_RETRY_AFTER_SECONDS: Final = 5
_TABLES: Final = ("transfers", "holds", "sagas")
_SUMS_PER_WRITE: Final = 200  # few enough that no request waits for them
_PROBLEMS_TOLD_MAX: Final = 20
_ALARM: Final = "books_broken"


class Verified(Struct, frozen=True):
    """The outcome of a run. ``verdict`` is what was known before it."""

    audit: Audit
    verdict: Verdict
    step: Step | None
    deposits_open: bool = True


class Remembered(Struct, frozen=True):
    """What a run found out, and when it ended, in ms since 1970."""

    audit: Audit
    at: int
    deposits_open: bool


class Verifier:
    """Verifies the books of one database; one per process.

    ``full_seconds``: how old the last full verification may be before the next one; 0: any age.
    ``seal_key``: of the proofs of seals; without it nobody asks who made them.
    """

    def __init__(
        self,
        db: Database,
        clock: Clock,
        alert: Alert,
        *,
        full_seconds: float = 0,
        seal_key: bytes | None = None,
    ) -> None:
        self._db = db
        self._clock = clock
        self._alert = alert
        self._full_ms = round(full_seconds * 1000)
        self._seal_key: Final = seal_key
        self._first = asyncio.Event()
        self.last: Remembered | None = None
        """The last run of this process."""

    async def run(self, *, full: bool | None = None) -> Verified:
        """Verify, and remember the outcome; ``full`` is decided by need when it is left out."""
        before = await self._db.read(verdict.read)
        if before.closed:
            self._first.set()  # nothing to wait for: deposits are refused as it is
        if full is None:
            full = self._full_is_due(before)
        upto = await horizon.find(self._db, _TABLES)
        if upto is None:
            _log.warning("verify_does_not_advance", reason="a transaction does not end")

        def look(connection: Connection) -> Verified:
            seen = verdict.read(connection)
            prove = audit if full else audit_recent
            found = prove(connection, self._seal_key)
            if upto is None or not found.holds:
                return Verified(found, seen, None)
            last = seen.checkpoint or checkpoint.beginning(connection)
            return Verified(found, seen, checkpoint.step(connection, last, upto))

        try:
            outcome = await self._db.read(look)
        finally:
            await asyncio.to_thread(trim)  # of what comparing so many rows has taken
        outcome = await (self._proven(outcome) if outcome.audit.holds else self._broken(outcome))
        self._first.set()
        return outcome

    async def admitted(self) -> None:
        """Return when the books were verified once since the start: the gate of deposits.

        Whether they are closed is looked up by each deposit in its own transaction. Raises
        :class:`DepositsClosed` when the verification takes too long; the token is not touched.
        """
        try:
            async with asyncio.timeout(FIRST_SECONDS_MAX):
                await self._first.wait()
        except TimeoutError:
            raise DepositsClosed(
                "The node has just started and is verifying its books. Nothing was redeemed; "
                "please repeat the request.",
                headers={"Retry-After": str(_RETRY_AFTER_SECONDS)},
            ) from None

    def deposits(self, connection: Connection) -> str:
        """Say whether deposits are taken: ``open``, or why not."""
        known = verdict.read(connection)
        if known.closed:
            return f"closed: {known.reason}"
        return "open" if self._first.is_set() else "waiting for the first verification"

    def _full_is_due(self, known: Verdict) -> bool:
        if known.closed or known.checkpoint is None or known.full_at is None:
            return True
        if not self._full_ms or not self._first.is_set():
            return False
        return not 0 <= self._clock.now_ms() - known.full_at < self._full_ms

    async def _proven(self, outcome: Verified) -> Verified:
        """Store how far the books were proven; open deposits again if everything was."""
        seen, step, full = outcome.verdict, outcome.step, outcome.audit.full
        if step is not None:
            await self._store_sums(step)
        proof = seen.checkpoint if step is None else step.checkpoint
        if proof is not None and (full or proof != seen.checkpoint):
            at = self._clock.now_ms() if full else None
            stored = await self._db.write(lambda tx: verdict.prove(tx, seen, proof, full_at=at))
            if stored and seen.closed and full:
                self._alert.cleared(_ALARM, reason=seen.reason)
        return await self._with_deposits(outcome)

    async def _store_sums(self, step: Step) -> None:
        upto = step.checkpoint.transfers
        for start in range(0, len(step.sums), _SUMS_PER_WRITE):
            part = step.sums[start : start + _SUMS_PER_WRITE]
            await self._db.write(partial(checkpoint.store, sums=part, upto=upto))

    async def _broken(self, outcome: Verified) -> Verified:
        """Close deposits, then say so."""
        wrong = [check for check in outcome.audit.checks if not check.holds]
        reason = "; ".join(check.name for check in wrong)
        at = self._clock.now_ms()
        await self._db.write(lambda tx: verdict.close(tx, at, reason))
        for check in wrong:
            self._alert.raised(
                _ALARM, check=check.name, problems=check.problems[:_PROBLEMS_TOLD_MAX]
            )
        return await self._with_deposits(outcome)

    async def _with_deposits(self, outcome: Verified) -> Verified:
        known = await self._db.read(verdict.read)
        self.last = Remembered(outcome.audit, self._clock.now_ms(), not known.closed)
        return Verified(outcome.audit, outcome.verdict, outcome.step, not known.closed)
