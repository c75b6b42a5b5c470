"""What a key is told about itself."""

from typing import Final, TypedDict

import msgspec

from routstr.auth.children import Child, Children
from routstr.auth.repository import KeyRecord
from routstr.auth.service import Authenticator, Payer
from routstr.balance.key_schemas import ChildKey, Info
from routstr.core.clock import Clock
from routstr.core.db import Database
from routstr.ledger import books
from routstr.ledger.books import Balance
from routstr.ledger.key_limits import LimitState, read_limits
from routstr.ledger.limits import Reset
from routstr.money import ZERO
from routstr.wallet.sagas import leaving_of

_MS: Final = 1_000
_PREVIEW_CHARS: Final = 8


class _Limit(TypedDict):
    balance_limit: int | None
    balance_limit_reset: str | None
    balance_limit_remaining: int | None


class KeyInfo:
    """Shows keys."""

    def __init__(self, db: Database, auth: Authenticator, children: Children, clock: Clock) -> None:
        self._db = db
        self._auth = auth
        self._children = children
        self._clock = clock

    async def show(self, payer: Payer) -> Info:
        """Show a key, its limit, and its child keys if it has any."""
        record = await self._auth.key_record(payer)
        at = self._clock.now_ms()
        named = [] if record.mark is None or record.mark.limit is None else [record.mark.limit]
        state, limits, leaving = await self._db.read(
            lambda c: (
                books.balance(c, payer.account),
                read_limits(c, named, at) if named else {},
                ZERO if record.is_child else leaving_of(c, payer.account),
            )
        )
        children = [] if record.is_child else await self._children.of(record)
        info = _info(payer.key, record, state, next(iter(limits.values()), None), children)
        info.refunds_pending = int(leaving)
        return info


def _info(
    key: str, record: KeyRecord, state: Balance, limit: LimitState | None, children: list[Child]
) -> Info:
    expires_at = _seconds(record.expires_at)
    own = limit if record.is_child else None  # a child's totals are its own
    return Info(
        api_key=key,
        id=record.public_id,
        name=record.name,
        balance=int(state.available),
        reserved=int(state.reserved),
        total=int(state.total),
        total_deposited=int(state.deposited),
        total_spent=int(state.spent if own is None else own.total_spent),
        total_requests=state.requests if own is None else own.total_requests,
        created_at=record.created_at // _MS,
        last_used_at=_seconds(state.last_used_at),
        expires_at=expires_at,
        validity_date=expires_at,
        metadata=msgspec.json.decode(record.metadata),
        mint=record.mint,
        unit=record.unit.value,
        is_child=record.is_child,
        parent_key_preview=_preview(record.parent_public_id),
        **_told(limit),
        refund_lnurl=record.refund_address,
        refund_problem=record.refund_problem,
        child_keys=[_child(child) for child in children] or None,
    )


def _child(child: Child) -> ChildKey:
    return ChildKey(
        id=child.record.public_id,
        name=child.record.name,
        total_requests=child.limit.total_requests,
        total_spent=int(child.limit.total_spent),
        **_told(child.limit),
        validity_date=_seconds(child.record.expires_at),
        created_at=child.record.created_at // _MS,
    )


def _told(limit: LimitState | None) -> _Limit:
    if limit is None or limit.cap is None or limit.left is None:
        return _Limit(balance_limit=None, balance_limit_reset=None, balance_limit_remaining=None)
    reset = None if limit.reset is Reset.NEVER else limit.reset.name.lower()
    return _Limit(
        balance_limit=int(limit.cap),
        balance_limit_reset=reset,
        balance_limit_remaining=int(limit.left),
    )


def _preview(public_id: str | None) -> str | None:
    """Enough of a parent's public id to tell it from another."""
    if public_id is None:
        return None
    return f"{public_id.removeprefix('key_')[:_PREVIEW_CHARS]}..."


def _seconds(at: int | None) -> int | None:
    return None if at is None else at // _MS
