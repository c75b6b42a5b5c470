"""Keys that have expired give what they hold back to where their owner said, over Lightning.

Without an address, and until it is paid, the balance stays refundable by the key, for ever: nothing
is ever taken. A refund is taken on by one instance at a time, and is a debit of the ledger like any
other: a second one finds nothing left. What fails is tried again, later and later.
"""

from typing import Final, Protocol

from routstr.auth import expiry_repository
from routstr.auth.expiry_repository import ExpiredKey
from routstr.core.clock import Clock
from routstr.core.db import Database
from routstr.core.logging import get_logger
from routstr.errors import (
    BalanceTooSmall,
    NodeError,
    NothingToRefund,
    RefundBlocked,
    RefundUnderWay,
    RefundWithheld,
    RoutstrError,
)
from routstr.money import Unit

_log = get_logger(__name__)

MINUTE_MS: Final = 60_000
DAY_MS: Final = 86_400_000
TAKEN_MS: Final = 15 * MINUTE_MS
"""How long another instance leaves a refund alone; should it take longer, the ledger decides."""
_DOUBLINGS_MAX: Final = 11
_PROBLEM_CHARS_MAX: Final = 500


class LightningOut(Protocol):
    """What is needed of refunds over Lightning; what it raises, it has not paid."""

    async def pay(self, account: int, mint: str, unit: Unit, address: str, *, rest: bool) -> object:
        """Pay out what an account has; ``rest``: also what an earlier payment has left."""
        ...


class ExpiredKeys:
    """One pass over the keys whose refund is due."""

    def __init__(self, db: Database, lightning: LightningOut, clock: Clock) -> None:
        self._db = db
        self._lightning = lightning
        self._clock = clock

    async def refund(self) -> int:
        """Pay out what expired keys hold; return how many were paid."""
        at = self._clock.now_ms()
        paid = 0
        for key in await self._db.read(lambda c: expiry_repository.due(c, at)):
            paid += await self._refund(key)
        return paid

    async def _refund(self, key: ExpiredKey) -> bool:
        at = self._clock.now_ms()
        until = at + TAKEN_MS
        if not await self._db.write(lambda tx: expiry_repository.take(tx, key, at=at, until=until)):
            return False
        try:
            await self._lightning.pay(key.account, key.mint, key.unit, key.address, rest=True)
        except (NothingToRefund, BalanceTooSmall):
            await self._note(key, DAY_MS, tries=0)  # too little to pay out; more may come in
        except (RefundBlocked, RefundUnderWay, RefundWithheld) as error:
            await self._note(key, MINUTE_MS, tries=key.tries, problem=error.message)
        except NodeError:
            raise  # nothing is known of this key; it is tried again when the lease is over
        except RoutstrError as error:
            wait = min(MINUTE_MS << min(key.tries, _DOUBLINGS_MAX), DAY_MS)
            _log.warning("expired_refund_failed", key=key.public_id, reason=error.code)
            await self._note(key, wait, tries=key.tries + 1, problem=error.message)
        else:
            _log.info("expired_refund_paid", key=key.public_id)
            await self._note(key, MINUTE_MS, tries=0)  # no mint had more, or the address takes less
            return True
        return False

    async def _note(
        self, key: ExpiredKey, wait_ms: int, *, tries: int, problem: str | None = None
    ) -> None:
        next_at = self._clock.now_ms() + wait_ms
        shown = None if problem is None else problem[:_PROBLEM_CHARS_MAX]
        await self._db.write(
            lambda tx: expiry_repository.note(tx, key, tries=tries, next_at=next_at, problem=shown)
        )
