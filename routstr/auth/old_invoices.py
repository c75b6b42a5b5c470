"""Invoices that nobody paid are forgotten, long after anybody could.

An invoice goes with its quote when the quote was given up unpaid, both its own expiry and that of
its bolt11 are long over, and its mint, asked once more, still calls it unpaid. A mint that cannot
be asked keeps its invoices here. Whatever was paid is never forgotten.
"""

from typing import Final

from routstr.auth import invoice_repository
from routstr.core.clock import Clock
from routstr.core.db import Database, Tx
from routstr.core.logging import get_logger
from routstr.errors import WalletError
from routstr.wallet import bolt11, quotes
from routstr.wallet.service import Wallet

_log = get_logger(__name__)

DAY_MS: Final = 86_400_000
_PART_MAX: Final = 100


class OldInvoices:
    """One pass over a part of the unpaid invoices; ``keep_days`` after their expiry they may go."""

    def __init__(
        self,
        db: Database,
        wallet: Wallet,
        clock: Clock,
        keep_days: int,
        *,
        at_once: int = _PART_MAX,
    ) -> None:
        self._db = db
        self._wallet = wallet
        self._clock = clock
        self._keep_ms = keep_days * DAY_MS
        self._at_once = at_once
        self._seen = 0

    async def forget(self) -> int:
        """Forget what can be; return how many. The next pass goes on after this one's part."""
        before, after = self._clock.now_ms() - self._keep_ms, self._seen
        part = await self._db.read(
            lambda c: invoice_repository.given_up(c, before, after, self._at_once)
        )
        self._seen = part[-1] if len(part) == self._at_once else 0
        gone = sum([await self._forget(quote_id, before) for quote_id in part])
        if gone:
            _log.info("invoices_forgotten", count=gone)
        return gone

    async def _forget(self, quote_id: int, before: int) -> bool:
        quote = await self._wallet.quote(quote_id)
        if quote.mint not in self._wallet.mints.urls:
            return False
        if 1_000 * bolt11.decode(quote.request).expires_at > before:
            return False
        try:
            if not await self._wallet.is_unpaid(quote_id):
                return False
        except WalletError as error:  # this mint cannot be asked now; the others can
            _log.info("invoice_kept", quote=quote_id, mint=quote.mint, error=error.code)
            return False

        def write(tx: Tx) -> bool:
            if not quotes.is_given_up(tx, quote_id):
                return False
            invoice_repository.remove(tx, quote_id)
            quotes.remove(tx, quote_id)
            return True

        return await self._db.write(write)
