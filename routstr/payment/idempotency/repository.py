"""SQL of the records. Every function is one step of a write transaction.

::

    (none) ──begin──> begun ──keep──> answered ──expired──> (none)
      ^                │ │ ^
      └────forget──────┘ │ └──begin, by whoever comes next: the same operation, the next attempt
                    reopen, or its instance died
"""

from enum import Enum
from typing import Any, Final, TypeAlias

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, and_, delete, or_, select, update
from sqlmodel import col

from routstr.core.db import Tx
from routstr.core.db.upsert import insert_into
from routstr.ledger.instances import alive
from routstr.ledger.served import newest_hold
from routstr.payment.idempotency.models import IdempotencyRecord

ABANDONED_MS: Final = 86_400_000
"""How long after its time a call that never ended is remembered."""


class Attempt(Struct, frozen=True):
    """One try at the call of a scope. ``nonce`` is random: it fences earlier tries off."""

    scope: bytes
    nonce: bytes


class Wanted(Struct, frozen=True):
    """A call that wants to begin. ``operation`` names it from now on, unless it has a name."""

    attempt: Attempt
    request: bytes
    operation: bytes
    instance: int
    at: int
    expires_at: int
    paid_request: str | None = None


class Earlier(Struct, frozen=True):
    """An attempt at a paid request of which nobody knows how it ended."""

    request_id: str
    holds_before: int


class Begun(Struct, frozen=True):
    """The call is the caller's to carry out, and to end.

    ``again``: somebody has begun it before, and nobody knows how far it got.
    """

    attempt: Attempt
    operation: bytes
    again: bool = False
    earlier: Earlier | None = None


class Answered(Struct, frozen=True):
    """The call is done."""

    sealed: bytes


class Conflict(Enum):
    """Why a call may not begin."""

    RUNNING = "running"
    REUSED = "reused"


Beginning: TypeAlias = Begun | Answered | Conflict


def has(connection: Connection, scope: bytes) -> bool:
    """Whether there is a record of this scope."""
    found = connection.execute(select(col(IdempotencyRecord.scope)).where(_is(scope))).first()
    return found is not None


def begin(tx: Tx, wanted: Wanted, stale_seconds: float) -> Beginning:
    """Enter a call, or say what is known of it. Of many at once exactly one may begin."""
    scope = wanted.attempt.scope
    row = _locked(tx, scope)
    if row is not None and row.owner is None and row.expires_at <= wanted.at:
        tx.sql.execute(delete(IdempotencyRecord).where(_is(scope)))
        row = None
    if row is None:
        if _entered(tx, wanted):
            return Begun(wanted.attempt, wanted.operation)
        row = _locked(tx, scope)  # another instance was faster
        if row is None:
            return Conflict.RUNNING  # and has ended already
    if row.request != wanted.request:
        return Conflict.REUSED
    if row.answer is not None:
        return Answered(row.answer)
    if row.owner is not None and _lives(tx, row.owner, wanted.instance, stale_seconds):
        return Conflict.RUNNING
    tx.sql.execute(
        update(IdempotencyRecord)
        .where(_is(scope))
        .values(owner=wanted.instance, attempt=wanted.attempt.nonce, expires_at=wanted.expires_at)
    )
    paid = row.paid_request
    earlier = None if paid is None else Earlier(paid, row.holds_before)
    return Begun(wanted.attempt, row.operation, again=True, earlier=earlier)


def aim(tx: Tx, attempt: Attempt, request_id: str) -> None:
    """Note which paid request the attempt is, before it can place a hold."""
    _change(tx, attempt, paid_request=request_id, holds_before=newest_hold(tx.sql))


def keep(tx: Tx, attempt: Attempt, sealed: bytes, expires_at: int) -> None:
    """Store the answer, unless a later attempt has taken over."""
    _change(tx, attempt, answer=sealed, owner=None, expires_at=expires_at)


def reopen(tx: Tx, attempt: Attempt) -> None:
    """Leave the call to whoever repeats it: as the same operation."""
    _change(tx, attempt, owner=None)


def forget(tx: Tx, attempt: Attempt) -> None:
    """Free the key: nothing was done."""
    tx.sql.execute(delete(IdempotencyRecord).where(_of(attempt)))


def purge(tx: Tx, at: int) -> int:
    """Delete what has expired; return how many."""
    expires_at, owner = col(IdempotencyRecord.expires_at), col(IdempotencyRecord.owner)
    ended = and_(expires_at <= at, owner.is_(None))
    abandoned = expires_at <= at - ABANDONED_MS
    gone = delete(IdempotencyRecord).where(or_(ended, abandoned))
    return int(tx.sql.execute(gone).rowcount)


def _locked(tx: Tx, scope: bytes) -> Any:  # noqa: ANN401 - a row of these columns, or None
    query = select(
        col(IdempotencyRecord.request),
        col(IdempotencyRecord.operation),
        col(IdempotencyRecord.owner),
        col(IdempotencyRecord.paid_request),
        col(IdempotencyRecord.holds_before),
        col(IdempotencyRecord.answer),
        col(IdempotencyRecord.expires_at),
    )
    return tx.sql.execute(query.where(_is(scope)).with_for_update()).first()


def _entered(tx: Tx, wanted: Wanted) -> bool:
    """Insert the record; false when another instance has just done so."""
    paid = wanted.paid_request
    entry = insert_into(tx, IdempotencyRecord).values(
        scope=wanted.attempt.scope,
        request=wanted.request,
        operation=wanted.operation,
        attempt=wanted.attempt.nonce,
        owner=wanted.instance,
        paid_request=paid,
        holds_before=None if paid is None else newest_hold(tx.sql),
        created_at=wanted.at,
        expires_at=wanted.expires_at,
    )
    entered = entry.on_conflict_do_nothing(index_elements=["scope"]).returning(
        col(IdempotencyRecord.scope)
    )
    return tx.sql.execute(entered).first() is not None


def _lives(tx: Tx, owner: int, instance: int, stale_seconds: float) -> bool:
    """Whether somebody works on it. This instance ends what it does not work on any more."""
    return owner == instance or owner in alive(tx.sql, stale_seconds)


def _is(scope: bytes) -> ColumnElement[bool]:
    return col(IdempotencyRecord.scope) == scope


def _of(attempt: Attempt) -> ColumnElement[bool]:
    """The record as this very attempt left it; a later one's is not touched."""
    return and_(_is(attempt.scope), col(IdempotencyRecord.attempt) == attempt.nonce)


def _change(tx: Tx, attempt: Attempt, **values: object) -> None:
    tx.sql.execute(update(IdempotencyRecord).where(_of(attempt)).values(**values))
