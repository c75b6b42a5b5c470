"""Mint quotes: invoices of a mint that pay for new ecash of this wallet (NUT-04, 23). SQL and pace.

::

    UNPAID ── paid, and a saga takes the ecash ──> PAID ── it is here ──> ISSUED
      │ ▲                                           │
      │ └── the mint refused for certain ───────────┘
      ├── a week after its expiry still unpaid ──> EXPIRED, asked about only by command or client,
      │                                            and once more before it is removed
      └── issued, and not to a saga of ours ─────> LOST: for the operator

A quote is asked about until long after its expiry: a payment that was under way may arrive late.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Connection, case, delete, func, insert, select, update
from sqlmodel import col

from routstr.core.db import Tx
from routstr.money import MSAT_PER_SAT, Msat, Unit
from routstr.wallet.models import QuoteRow, QuoteState
from routstr.wallet.sagas import Seal

ASK_PAUSE_MS: Final = 1_000
"""Between two questions about one quote, whoever asks."""
_FIRST_S: Final = (1, 2, 3, 5, 8, 13, 21, 34, 55)
_USUAL_S: Final = 60
_AFTER_EXPIRY_S: Final = 600
_LATE_S: Final = 6 * 3_600
GRACE_MS: Final = 24 * 3_600_000
"""After its expiry a quote is asked about often for so long, then seldom."""
GIVE_UP_MS: Final = 7 * 24 * 3_600_000
"""So long after its expiry a quote that is unpaid is not asked about any more."""
_SEAL: Final = "mint-quote"
_WAITING: Final = (int(QuoteState.UNPAID), int(QuoteState.EXPIRED))


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """A mint quote. ``amount`` is in ``unit``, times are ms since 1970.

    ``request`` is the invoice. ``mint_id`` is a secret: who knows it can take the ecash of a quote
    that is not locked. ``saga`` took the ecash, or is about to.
    """

    id: int
    mint: str
    unit: Unit
    amount: int
    mint_id: str
    lock_index: int | None
    request: str
    payment_hash: bytes
    expires_at: int
    state: QuoteState
    purpose: str
    account: int | None
    context: Mapping[str, Any]
    polls: int
    saga: int | None
    created_at: int
    paid_at: int | None

    def __repr__(self) -> str:
        return f"Quote({self.id}, {self.state.name})"

    @property
    def msat(self) -> Msat:
        """What it is worth."""
        return self.unit.to_msat(self.amount)


def pause_s(quote: Quote, now_ms: int, *, listened: bool) -> int:
    """Return how long to wait before the next question; ``listened``: the mint tells by itself."""
    late_ms = now_ms - quote.expires_at
    if late_ms > GRACE_MS:
        return _LATE_S
    if late_ms > 0:
        return _AFTER_EXPIRY_S
    return _USUAL_S if listened or quote.polls >= len(_FIRST_S) else _FIRST_S[quote.polls]


def is_over(quote: Quote, now_ms: int) -> bool:
    """Whether nobody need ask any more about a quote that is still unpaid."""
    return now_ms - quote.expires_at > GIVE_UP_MS


def add(tx: Tx, seal: Seal, quote: Quote, *, due_ms: int = ASK_PAUSE_MS) -> Quote:
    """Store a new quote and return it with its id; it is due at once, or so much later."""
    values = {
        "mint": quote.mint,
        "unit": quote.unit.value,
        "amount": quote.amount,
        "quote": seal.seal(_SEAL, quote.mint_id.encode()),
        "lock_index": quote.lock_index,
        "request": quote.request,
        "payment_hash": quote.payment_hash,
        "expires_at": quote.expires_at,
        "state": int(quote.state),
        "purpose": quote.purpose,
        "account": quote.account,
        "context": msgspec.json.encode(quote.context).decode(),
        "polls": 0,
        "polled_at": 0,
        "poll_at": quote.created_at + due_ms,
        "created_at": quote.created_at,
    }
    result = tx.sql.execute(insert(QuoteRow).values(**values).returning(col(QuoteRow.id)))
    return msgspec.structs.replace(quote, id=result.scalar_one())


def load(connection: Connection, seal: Seal, quote_id: int) -> Quote:
    """Read a quote by its id."""
    (found,) = _read(connection, seal, col(QuoteRow.id) == quote_id)
    return found


def of_saga(connection: Connection, seal: Seal, saga: int) -> Quote:
    """Read the quote whose ecash a saga takes."""
    (found,) = _read(connection, seal, col(QuoteRow.saga) == saga)
    return found


def due(connection: Connection, mints: tuple[str, ...], now_ms: int, limit: int) -> list[int]:
    """List quotes at these mints that are to be asked about, the longest due first."""
    rows = connection.execute(
        select(col(QuoteRow.id))
        .where(
            col(QuoteRow.state) == int(QuoteState.UNPAID),
            col(QuoteRow.poll_at) <= now_ms,
            col(QuoteRow.mint).in_(mints),
        )
        .order_by(col(QuoteRow.poll_at))
        .limit(limit)
    )
    return [int(row[0] or 0) for row in rows]


def claim_question(tx: Tx, quote_id: int, now_ms: int, *, poll_at: int | None) -> bool:
    """Take the turn to ask the mint about a quote; false when somebody has just asked.

    ``poll_at`` is when to ask again by itself; None leaves that as it is.
    """
    values: dict[str, object] = {"polled_at": now_ms}
    if poll_at is not None:
        values |= {"poll_at": poll_at, "polls": col(QuoteRow.polls) + 1}
    result = tx.sql.execute(
        update(QuoteRow)
        .where(
            col(QuoteRow.id) == quote_id,
            col(QuoteRow.state).in_(_WAITING),
            col(QuoteRow.polled_at) <= now_ms - ASK_PAUSE_MS,
        )
        .values(**values)
    )
    return result.rowcount == 1


def hasten(tx: Tx, quote_id: int) -> None:
    """Let a quote be due as soon as the pause between two questions allows."""
    soon = col(QuoteRow.polled_at) + ASK_PAUSE_MS
    tx.sql.execute(
        update(QuoteRow)
        .where(col(QuoteRow.id) == quote_id, col(QuoteRow.poll_at) > soon)
        .values(poll_at=soon)
    )


def paid_since(connection: Connection, purposes: Collection[str], at: int) -> Msat:
    """Add up what came, or is coming, for quotes of these purposes that were made since then."""
    amount = case((col(QuoteRow.unit) == Unit.SAT.value, MSAT_PER_SAT), else_=1)
    paid = (int(QuoteState.PAID), int(QuoteState.ISSUED))
    query = select(func.coalesce(func.sum(col(QuoteRow.amount) * amount), 0)).where(
        col(QuoteRow.created_at) >= at,
        col(QuoteRow.purpose).in_(purposes),
        col(QuoteRow.state).in_(paid),
    )
    return Msat(int(connection.execute(query).scalar_one()))


def begin(tx: Tx, quote_id: int, saga: int, at: int) -> bool:
    """Give a paid quote to the saga that takes its ecash; false when it has one already."""
    result = tx.sql.execute(
        update(QuoteRow)
        .where(col(QuoteRow.id) == quote_id, col(QuoteRow.state).in_(_WAITING))
        .values(state=int(QuoteState.PAID), saga=saga, paid_at=at)
    )
    return result.rowcount == 1


def issued(tx: Tx, saga: int) -> None:
    """Record that the ecash is here."""
    _end(tx, saga, {"state": int(QuoteState.ISSUED)})


def give_back(tx: Tx, saga: int) -> None:
    """Let another saga try: the mint refused this one's outputs for certain."""
    _end(tx, saga, {"state": int(QuoteState.UNPAID), "saga": None, "paid_at": None})


def close(tx: Tx, quote_id: int, state: QuoteState) -> None:
    """Record that a quote is not asked about any more, unless a saga has it by now."""
    tx.sql.execute(
        update(QuoteRow)
        .where(col(QuoteRow.id) == quote_id, col(QuoteRow.state).in_(_WAITING))
        .values(state=int(state))
    )


def is_given_up(tx: Tx, quote_id: int) -> bool:
    """Whether a quote was given up unpaid, and no saga has it; it is locked, and stays so."""
    row = tx.sql.execute(
        select(col(QuoteRow.id))
        .where(
            col(QuoteRow.id) == quote_id,
            col(QuoteRow.state) == int(QuoteState.EXPIRED),
            col(QuoteRow.saga).is_(None),
        )
        .with_for_update()
    ).first()
    return row is not None


def remove(tx: Tx, quote_id: int) -> None:
    """Remove a quote that was given up."""
    tx.sql.execute(delete(QuoteRow).where(col(QuoteRow.id) == quote_id))


def _end(tx: Tx, saga: int, values: Mapping[str, int | None]) -> None:
    result = tx.sql.execute(
        update(QuoteRow)
        .where(col(QuoteRow.saga) == saga, col(QuoteRow.state) == int(QuoteState.PAID))
        .values(**values)
    )
    assert result.rowcount == 1, "a saga that mints has one quote"


def _read(connection: Connection, seal: Seal, condition: ColumnElement[bool]) -> list[Quote]:
    table = QuoteRow.__table__  # type: ignore[attr-defined]  # SQLModel does not declare it
    rows = connection.execute(select(table).where(condition).order_by(table.c.id)).mappings()
    return [
        Quote(
            id=row["id"],
            mint=row["mint"],
            unit=Unit(row["unit"]),
            amount=row["amount"],
            mint_id=seal.open(_SEAL, bytes(row["quote"])).decode(),
            lock_index=row["lock_index"],
            request=row["request"],
            payment_hash=bytes(row["payment_hash"]),
            expires_at=row["expires_at"],
            state=QuoteState(row["state"]),
            purpose=row["purpose"],
            account=row["account"],
            context=msgspec.json.decode(row["context"]),
            polls=row["polls"],
            saga=row["saga"],
            created_at=row["created_at"],
            paid_at=row["paid_at"],
        )
        for row in rows
    ]
