"""Keys as an operator lists and reads them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from routstr.admin.keys.schemas import (
    HoldInfo,
    KeyDetail,
    KeyInfo,
    KeyPage,
    TemporaryBalance,
    TemporaryBalances,
    TokenInfo,
    Totals,
    metadata_of,
)
from routstr.auth import key_lists
from routstr.auth.key_lists import KeyRow, Which
from routstr.core.clock import Clock
from routstr.core.db import Database
from routstr.errors import NoSuchKey
from routstr.ledger.browse import open_holds
from routstr.ledger.key_limits import LimitState, read_limits
from routstr.payment.withdrawals import KEY_WITHDRAWAL
from routstr.wallet.papers import given_tokens

PAGE: Final = 50
FOUND_MAX: Final = 50
SEARCH_CHARS_MAX: Final = 200
_CHILDREN_MAX: Final = 200
_HOLDS_MAX: Final = 100
_TOKENS_MAX: Final = 20


@dataclass(frozen=True, slots=True)
class KeyDesk:
    """Reads keys."""

    db: Database
    clock: Clock

    async def page(
        self,
        which: Which = Which.ALL,
        search: str = "",
        before: int | None = None,
        limit: int = PAGE,
    ) -> KeyPage:
        """List keys, newest first; or what begins with ``search``, whatever ``which`` says."""
        rows, after = await self._rows(which, search, before, limit)
        return KeyPage(keys=await self._infos(rows), next_before=after)

    async def one(self, public_id: str) -> KeyDetail:
        """Everything about a key or a child key; raises NoSuchKey."""
        now = self.clock.now_ms()

        def read(connection: Connection) -> KeyDetail:
            row = key_lists.one(connection, public_id)
            if row is None:
                raise NoSuchKey
            is_child = row.parent is not None
            children = [] if is_child else key_lists.children_of(connection, row.id, _CHILDREN_MAX)
            limits = _limits(connection, [row, *children], now)
            holds = open_holds(connection, row.account, _HOLDS_MAX)
            tokens = given_tokens(
                connection, "", account=row.account, limit=_TOKENS_MAX, before=None
            )
            info = KeyInfo.of(row, limits.get(row.limit or 0), now)
            return KeyDetail(
                **info.model_dump(),
                mint_url=row.mint,
                unit=row.unit,
                refund_address=None if is_child else row.refund_address,
                metadata=metadata_of(row),
                children=[KeyInfo.of(one, limits.get(one.limit or 0), now) for one in children],
                holds=[] if is_child else [HoldInfo.of(one) for one in holds],
                tokens=[]
                if is_child
                else [
                    TokenInfo.of(one, row.public_id, by_operator=one.purpose == KEY_WITHDRAWAL)
                    for one in tokens.rows
                ],
            )

        return await self.db.read(read)

    async def row(self, public_id: str) -> KeyRow:
        """A key that has an account of its own; raises NoSuchKey."""
        row = await self.db.read(lambda c: key_lists.one(c, public_id))
        if row is None or row.parent is not None:
            raise NoSuchKey
        return row

    async def temporary_balances(
        self, search: str, before: int | None, limit: int
    ) -> TemporaryBalances:
        """List keys in the words of older clients."""
        rows, after = await self._rows(Which.ALL, search, before, limit)
        infos = await self._infos(rows)
        told = [_temporary(info, row) for info, row in zip(infos, rows, strict=True)]
        totals = Totals(
            total_balance=sum(one.total for one in infos if one.parent is None),
            total_spent=sum(one.total_spent for one in infos if one.parent is None),
            total_requests=sum(one.total_requests for one in infos if one.parent is None),
        )
        return TemporaryBalances(balances=told, total=len(told), totals=totals, next_before=after)

    async def _rows(
        self, which: Which, search: str, before: int | None, limit: int
    ) -> tuple[list[KeyRow], int | None]:
        now, text = self.clock.now_ms(), search.strip()[:SEARCH_CHARS_MAX]
        if text:
            return await self.db.read(lambda c: key_lists.search(c, text, FOUND_MAX)), None
        found = await self.db.read(
            lambda c: key_lists.page(c, which, limit=limit, before=before, now=now)
        )
        return found.keys, found.next_before

    async def _infos(self, rows: Sequence[KeyRow]) -> list[KeyInfo]:
        now = self.clock.now_ms()
        limits = await self.db.read(lambda c: _limits(c, rows, now))
        return [KeyInfo.of(row, limits.get(row.limit or 0), now) for row in rows]


def _limits(connection: Connection, rows: Sequence[KeyRow], now: int) -> dict[int, LimitState]:
    named = [row.limit for row in rows if row.limit is not None]
    return read_limits(connection, named, now) if named else {}


def _temporary(info: KeyInfo, row: KeyRow) -> TemporaryBalance:
    limit = info.limit
    return TemporaryBalance(
        hashed_key=info.id,
        balance=info.total,
        total_spent=info.total_spent,
        total_requests=info.total_requests,
        refund_address=row.refund_address,
        key_expiry_time=info.expires_at,
        parent_key_hash=info.parent,
        balance_limit=None if limit is None else limit.cap,
        balance_limit_reset=None if limit is None else limit.reset,
        validity_date=info.expires_at,
        created_at=info.created_at,
    )
