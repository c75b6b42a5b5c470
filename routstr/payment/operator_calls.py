"""What the operator asks for under a name happens once, however often it is asked for.

A form that is sent twice, or a program that heard no answer and asks again, names the same call.
The name is stored in the transaction that begins the movement and leads to its saga ever after. A
movement that was undone gives its name free: nothing has happened under it.
"""

from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any, Final, TypeVar

from msgspec import Struct
from sqlalchemy import Connection, delete, select
from sqlmodel import col

from routstr.core.db import Database, Tx
from routstr.core.db.upsert import insert_into
from routstr.errors import IdempotencyInProgress, IdempotencyMismatch
from routstr.payment.operator_models import OperatorCall
from routstr.wallet.sagas import Saga

T = TypeVar("T")

_NAME: Final = "call"  # both in a saga's context
_REQUEST: Final = "request"


class CallRepeated(Exception):
    """Another request with this name began the movement meanwhile."""


class Call(Struct, frozen=True):
    """A name, and a digest of what is asked for under it."""

    name: str
    request: str

    @classmethod
    def of(cls, name: str, *asked: object) -> "Call":
        """``asked`` is everything that makes it another request."""
        return cls(name, sha256("\0".join(map(str, asked)).encode()).hexdigest())


def context(call: Call | None) -> dict[str, Any]:
    """What a movement's saga remembers of the call that it is for."""
    return {} if call is None else {_NAME: call.name, _REQUEST: call.request}


def find(connection: Connection, call: Call | None) -> int | None:
    """Return the saga that this call began; ``IdempotencyMismatch`` when another one did."""
    if call is None:
        return None
    row = connection.execute(
        select(col(OperatorCall.saga), col(OperatorCall.request)).where(
            col(OperatorCall.name) == call.name
        )
    ).first()
    if row is None:
        return None
    if row[1] != call.request:
        raise IdempotencyMismatch
    return int(row[0])


async def once(
    db: Database,
    call: Call | None,
    begin: Callable[[], Awaitable[T]],
    again: Callable[[int], Awaitable[T]],
) -> T:
    """Carry a call out, or tell with ``again`` what became of the saga that it began before.

    Raises ``IdempotencyMismatch``, ``IdempotencyInProgress``, and what the two raise.
    """
    known = await db.read(lambda c: find(c, call))
    if known is None:
        try:
            return await begin()
        except CallRepeated:
            known = await db.read(lambda c: find(c, call))
    if known is None:
        raise IdempotencyInProgress
    return await again(known)


def note(tx: Tx, saga: Saga, at: int) -> None:
    """Store the name with the intent; :class:`CallRepeated` when another saga has it."""
    name = saga.context.get(_NAME)
    if name is None:
        return
    row = insert_into(tx, OperatorCall).values(
        name=name, request=saga.context[_REQUEST], saga=saga.id, created_at=at
    )
    stored = row.on_conflict_do_nothing(index_elements=["name"])
    if tx.sql.execute(stored.returning(col(OperatorCall.saga))).first() is None:
        raise CallRepeated


def free(tx: Tx, saga: Saga) -> None:
    """Give the name free: the movement was undone."""
    if _NAME in saga.context:
        tx.sql.execute(delete(OperatorCall).where(col(OperatorCall.saga) == saga.id))
