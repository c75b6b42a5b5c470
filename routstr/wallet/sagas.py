"""What every saga shares: its record, the lease, and the port through which others are told.

A saga is written before its mint is called (intent) and ended in one transaction with whatever the
rest of the node does about it (outcome). The wallet knows purposes by name only; whoever uses the
wallet registers a :class:`Completion` per purpose, which also serves recovery after a restart.

The lease: a saga belongs to the instance in ``lease_owner``. Another instance takes it over only
when that one is gone, and raises ``lease_epoch``; an outcome is accepted only with the epoch under
which it was worked out.
"""

from collections.abc import Mapping
from typing import Any, Protocol, cast

import msgspec
from sqlalchemy import ColumnElement, Connection, delete, insert, select, update
from sqlmodel import col

from routstr.core.db import Tx
from routstr.errors import NodeError
from routstr.money import Msat, Unit, total
from routstr.wallet.models import ClaimedY, SagaKind, SagaRow, SagaState


class LeaseLost(NodeError):
    """Another instance finishes this operation. Please repeat the request."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Everything needed to repeat the call to the mint to the letter (sealed in the database)."""

    keyset: str
    first_counter: int
    amounts: list[int]  # of the outputs, in their order
    give: int = 0  # send: how many of the first outputs are given away
    token: str = ""  # receive, forward: the token as cashuA, with full keyset ids
    quote: str = ""  # mint, melt, forward: the mint's id of it
    pay: int = 0  # melt, forward: the invoice's amount
    face: int = 0  # forward: the token's amount


class Saga(msgspec.Struct, frozen=True, kw_only=True):
    """A saga as it is worked on. ``gross`` and ``fee`` are in ``unit``."""

    id: int
    kind: SagaKind
    state: SagaState
    purpose: str
    account: int | None
    mint: str
    unit: Unit
    gross: int
    fee: int
    plan: Plan
    context: Mapping[str, Any]
    epoch: int
    owner: int
    created_at: int
    spent: int | None = None
    """Melt and forward, once done: what the mint kept of ``gross``, in ``unit``."""

    @property
    def gross_msat(self) -> Msat:
        """The whole amount that moves, the mint's fee included."""
        return self.unit.to_msat(self.gross)

    @property
    def fee_msat(self) -> Msat:
        """What the mint keeps."""
        return self.unit.to_msat(self.fee)

    @property
    def net_msat(self) -> Msat:
        """What arrives."""
        return self.unit.to_msat(self.gross - self.fee)


class OpenSend(msgspec.Struct, frozen=True):
    """Money of an account that is on its way into a token, the mint's fee included."""

    id: int
    gross: Msat


class Completion(Protocol):
    """What a purpose does in the same transactions as its saga."""

    def intended(self, tx: Tx, saga: Saga) -> None:
        """Take part in the intent; raising refuses it."""
        ...

    def done(self, tx: Tx, saga: Saga) -> int:
        """The movement happened: write the ledger. Return the account that it was for."""
        ...

    def failed(self, tx: Tx, saga: Saga) -> None:
        """The movement did not happen and never will: undo the intent."""
        ...


class Seal(Protocol):
    """Seals what only the node may read (the node's key)."""

    def seal(self, purpose: str, clear: bytes) -> bytes:
        """Encrypt."""
        ...

    def open(self, purpose: str, sealed: bytes) -> bytes:
        """Decrypt."""
        ...


def insert_saga(tx: Tx, seal: Seal, saga: Saga) -> Saga:
    """Store the intent and return it with its id."""
    values = {
        "kind": int(saga.kind),
        "state": int(SagaState.OPEN),
        "purpose": saga.purpose,
        "account": saga.account,
        "mint": saga.mint,
        "unit": saga.unit.value,
        "gross": saga.gross,
        "fee": saga.fee,
        "plan": seal.seal("saga", msgspec.json.encode(saga.plan)),
        "context": msgspec.json.encode(saga.context).decode(),
        "lease_owner": saga.owner,
        "lease_epoch": saga.epoch,
        "created_at": saga.created_at,
    }
    result = tx.sql.execute(insert(SagaRow).values(**values).returning(col(SagaRow.id)))
    return msgspec.structs.replace(saga, id=result.scalar_one())


def load_saga(connection: Connection, seal: Seal, saga_id: int) -> Saga:
    """Read a saga by its id."""
    table = SagaRow.__table__  # type: ignore[attr-defined]  # SQLModel does not declare it
    row = connection.execute(select(table).where(table.c.id == saga_id)).mappings().one()
    return Saga(
        id=row["id"],
        kind=SagaKind(row["kind"]),
        state=SagaState(row["state"]),
        purpose=row["purpose"],
        account=row["account"],
        mint=row["mint"],
        unit=Unit(row["unit"]),
        gross=row["gross"],
        fee=row["fee"],
        plan=msgspec.json.decode(seal.open("saga", bytes(row["plan"])), type=Plan),
        context=msgspec.json.decode(row["context"]),
        epoch=row["lease_epoch"],
        owner=row["lease_owner"],
        created_at=row["created_at"],
        spent=row["spent"],
    )


def end_saga(tx: Tx, saga: Saga, state: SagaState, *, at: int, spent: int | None = None) -> None:
    """Write the outcome; :class:`LeaseLost` when it is not ours to write any more.

    Comes first in its transaction: it locks the saga, so that nothing else is written twice.
    """
    result = tx.sql.execute(
        update(SagaRow)
        .where(
            col(SagaRow.id) == saga.id,
            col(SagaRow.state) == int(SagaState.OPEN),
            col(SagaRow.lease_epoch) == saga.epoch,
        )
        .values(state=int(state), ended_at=at, problem=None, spent=spent)
    )
    if result.rowcount != 1:
        raise LeaseLost


def name_account(tx: Tx, saga: Saga, account: int) -> None:
    """Note the account that a saga turned out to be for."""
    tx.sql.execute(update(SagaRow).where(col(SagaRow.id) == saga.id).values(account=account))


def take_lease(tx: Tx, saga: Saga, instance: int) -> Saga:
    """Make an open saga this instance's own; :class:`LeaseLost` when another was faster."""
    result = tx.sql.execute(
        update(SagaRow)
        .where(
            col(SagaRow.id) == saga.id,
            col(SagaRow.state) == int(SagaState.OPEN),
            col(SagaRow.lease_epoch) == saga.epoch,
        )
        .values(lease_owner=instance, lease_epoch=saga.epoch + 1)
    )
    if result.rowcount != 1:
        raise LeaseLost
    return msgspec.structs.replace(saga, owner=instance, epoch=saga.epoch + 1)


def note_problem(tx: Tx, saga: Saga, problem: str) -> None:
    """Remember for the operator why a saga is still open."""
    tx.sql.execute(
        update(SagaRow)
        .where(col(SagaRow.id) == saga.id, col(SagaRow.state) == int(SagaState.OPEN))
        .values(problem=problem[:500])
    )


def claim(tx: Tx, saga_id: int, ys: tuple[bytes, ...]) -> None:
    """Claim proofs for a saga; ``IntegrityError`` when one is claimed already."""
    tx.sql.execute(insert(ClaimedY), [{"y": y, "saga": saga_id} for y in ys])


def free_claims(tx: Tx, saga_id: int) -> None:
    """Give claimed proofs free after a definitive failure at the mint."""
    tx.sql.execute(delete(ClaimedY).where(col(ClaimedY.saga) == saga_id))


def claimants(connection: Connection, ys: tuple[bytes, ...]) -> dict[int, frozenset[bytes]]:
    """Return which sagas claimed any of these proofs, with all the proofs that each has."""
    found = connection.execute(
        select(col(ClaimedY.saga)).where(col(ClaimedY.y).in_(ys)).distinct()
    ).scalars()
    return {saga: _claims(connection, saga) for saga in found.all()}


def _claims(connection: Connection, saga: int) -> frozenset[bytes]:
    ys = connection.execute(select(col(ClaimedY.y)).where(col(ClaimedY.saga) == saga)).scalars()
    return frozenset(map(bytes, ys))


def open_saga_ids(connection: Connection) -> list[tuple[int, int]]:
    """List open sagas with the instance that works on each."""
    rows = connection.execute(
        select(col(SagaRow.id), col(SagaRow.lease_owner))
        .where(col(SagaRow.state) == int(SagaState.OPEN))
        .order_by(col(SagaRow.id))
    )
    return [(int(row[0] or 0), int(row[1])) for row in rows]


def open_sends_of(connection: Connection, account: int) -> list[OpenSend]:
    """List the open send sagas of an account, oldest first."""
    rows = connection.execute(
        select(col(SagaRow.id), col(SagaRow.unit), col(SagaRow.gross))
        .where(
            col(SagaRow.account) == account,
            col(SagaRow.state) == int(SagaState.OPEN),
            col(SagaRow.kind) == int(SagaKind.SEND),
        )
        .order_by(col(SagaRow.id))
    )
    return [OpenSend(int(row[0] or 0), Unit(row[1]).to_msat(row[2])) for row in rows]


def open_melts_of(connection: Connection, account: int, purpose: str) -> list[int]:
    """List the open melt sagas of an account for a purpose, oldest first."""
    rows = connection.execute(
        select(col(SagaRow.id))
        .where(
            col(SagaRow.account) == account,
            col(SagaRow.state) == int(SagaState.OPEN),
            col(SagaRow.kind) == int(SagaKind.MELT),
            col(SagaRow.purpose) == purpose,
        )
        .order_by(col(SagaRow.id))
    )
    return [int(row[0] or 0) for row in rows]


def leaving_of(connection: Connection, account: int) -> Msat:
    """What is on its way out of an account, mints' fees included: tokens and payments, open yet."""
    rows = connection.execute(
        select(col(SagaRow.unit), col(SagaRow.gross)).where(
            col(SagaRow.account) == account,
            col(SagaRow.state) == int(SagaState.OPEN),
            col(SagaRow.kind).in_((int(SagaKind.SEND), int(SagaKind.MELT))),
        )
    )
    return total(Unit(unit).to_msat(gross) for unit, gross in rows)


def sagas_of(connection: Connection, account: int, before: int | None, limit: int) -> list[int]:
    """List an account's sagas, newest first, those with an id below ``before``."""
    number = cast("ColumnElement[int]", col(SagaRow.id))
    query = select(number).where(col(SagaRow.account) == account)
    if before is not None:
        query = query.where(number < before)
    return list(connection.execute(query.order_by(number.desc()).limit(limit)).scalars())


def newest_melt_of(connection: Connection, account: int, purpose: str) -> int | None:
    """Return an account's newest melt saga of a purpose that is under way or done."""
    row = connection.execute(
        select(col(SagaRow.id))
        .where(
            col(SagaRow.account) == account,
            col(SagaRow.kind) == int(SagaKind.MELT),
            col(SagaRow.purpose) == purpose,
            col(SagaRow.state) != int(SagaState.FAILED),
        )
        .order_by(col(SagaRow.id).desc())
    ).first()
    return None if row is None else row[0]
