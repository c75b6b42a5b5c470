"""Holding the wallet against its mints while the node runs, and what follows from differences.

Two things can be wrong. The database may be older than what the mints have signed (a backup was put
back): its counters go on behind that, what is found is booked, and every proof is compared. And
single proofs may be spent at their mint that still count as ours: in small batches all of them
are compared, over and over.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from routstr.core.clock import Clock
from routstr.core.db import Database, Tx
from routstr.core.logging import get_logger
from routstr.errors import WalletError
from routstr.payment.alerts import Alert
from routstr.payment.found import book_lost, book_recovered
from routstr.wallet.counters import Finding
from routstr.wallet.findings import Found
from routstr.wallet.mint import Mint
from routstr.wallet.mint_errors import MintError
from routstr.wallet.reconcile import Compared, Comparison
from routstr.wallet.service import Wallet

_log = get_logger(__name__)

OLD_DATABASE: Final = "database_older_than_mint"
LOST: Final = "ecash_lost"


class Reconciliation:
    """Compares a wallet with its mints. ``redeemed`` looks at a token given out, by its saga."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        wallet: Wallet,
        alert: Alert,
        redeemed: Callable[[int], Awaitable[object]],
    ) -> None:
        self._clock = clock
        self._mints = wallet.mints
        self._alert = alert
        self._comparison = Comparison(
            db, clock, lambda tx, lost: book_lost(tx, lost, clock.now_ms()), redeemed
        )
        self.counters = wallet.counters(self)

    async def run(self, interval_s: float) -> Compared:
        """Decide about proofs in doubt, and compare a few at each mint that is due.

        With an interval of 0 no mint is ever due.
        """
        outcome = Compared()
        for url in self._mints.urls:
            mint = self._mints.mint(url)
            try:
                outcome = outcome.plus(await self._comparison.doubted(mint))
                if interval_s:
                    batch = await self._comparison.batch(mint, round(interval_s * 1_000))
                    outcome = outcome.plus(batch)
                    await self._look_at_keysets(mint, batch)
            except (MintError, WalletError) as error:  # it is asked again; others can answer
                _log.info("proofs_not_compared", mint=url, problem=str(error))
        self._tell(outcome)
        return outcome

    async def _look_at_keysets(self, mint: Mint, batch: Compared) -> None:
        """Look at those too that are not used any more, once per process, when it is its turn."""
        if batch.asked:
            for keyset in (await self._mints.keysets(mint)).values():
                await self.counters.before_use(mint, keyset)

    def found(self, tx: Tx, found: Found) -> None:
        """Owe what was found beside the books."""
        book_recovered(tx, found, self._clock.now_ms())

    def is_old(self, mint: Mint, finding: Finding) -> None:
        """Raise the alarm: a backup was put back, or another wallet has this seed."""
        found = finding.found
        self._alert.raised(
            OLD_DATABASE,
            mint=mint.url,
            keyset=finding.keyset,
            counter=finding.counter,
            signed_upto=finding.upto,
            found_msat=int(found.msat) if found else 0,
        )

    async def compare(self, mint: Mint) -> None:
        """Compare all proofs at a mint; raises its errors."""
        self._tell(await self._comparison.everything(mint))

    def _tell(self, outcome: Compared) -> None:
        if outcome.doubted or outcome.freed:
            _log.warning("proofs_differ", doubted=outcome.doubted, freed=outcome.freed)
        for lost in outcome.lost:
            self._alert.raised(
                LOST, mint=lost.mint, unit=lost.unit, amount=lost.amount, proofs=lost.proofs
            )
