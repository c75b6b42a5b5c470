"""SQL of keysets, proofs and issued tokens. Amounts are in the keyset's unit."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, func, insert, literal_column, select, update
from sqlmodel import col

from routstr.core.db import Tx
from routstr.core.db.upsert import insert_into
from routstr.money import Unit
from routstr.wallet.keysets import Keyset
from routstr.wallet.models import (
    NOT_SPENT,
    DoubtedProof,
    IssuedState,
    IssuedToken,
    KeysetRow,
    ProofRow,
    ProofStatus,
    SagaRow,
)
from routstr.wallet.proofs import OwnProof


class HeldProof(msgspec.Struct, frozen=True):
    """An unspent proof as coin selection sees it."""

    id: int
    amount: int
    fee_ppk: int


class StoredProof(msgspec.Struct, frozen=True):
    """A stored proof with what is needed to spend it."""

    keyset_id: str
    counter: int
    amount: int
    c: bytes
    dleq: bytes | None


class Issued(msgspec.Struct, frozen=True):
    """A token that was given out; ``token`` is sealed."""

    saga: int
    account: int
    mint: str
    unit: Unit
    amount: int
    token: bytes
    state: IssuedState


def save_keysets(tx: Tx, mint: str, keysets: list[Keyset]) -> None:
    """Insert new keysets of a mint and update activity and fee of known ones."""
    for keyset in keysets:
        keys = {str(amount): key.hex() for amount, key in keyset.keys.items()}
        row = insert_into(tx, KeysetRow).values(
            mint=mint,
            keyset_id=keyset.id,
            unit=keyset.unit,
            active=keyset.active,
            input_fee_ppk=keyset.input_fee_ppk,
            final_expiry=keyset.final_expiry,
            keys=msgspec.json.encode(keys).decode(),
            counter=select(func.coalesce(func.max(col(KeysetRow.counter)), 0))
            .where(col(KeysetRow.keyset_id) == keyset.id)
            .scalar_subquery(),
        )
        changes = {"active": keyset.active, "input_fee_ppk": keyset.input_fee_ppk}
        tx.sql.execute(
            row.on_conflict_do_update(index_elements=["mint", "keyset_id"], set_=changes)
        )


def load_keysets(connection: Connection, mint: str) -> list[Keyset]:
    """Read the stored keysets of a mint; their keys were verified before they were stored."""
    table = KeysetRow.__table__  # type: ignore[attr-defined]  # SQLModel does not declare it
    rows = connection.execute(select(table).where(table.c.mint == mint)).mappings()
    return [
        Keyset(
            row["keyset_id"],
            row["unit"],
            bool(row["active"]),
            row["input_fee_ppk"],
            row["final_expiry"],
            keys={
                int(amount): bytes.fromhex(key)
                for amount, key in msgspec.json.decode(row["keys"]).items()
            },
        )
        for row in rows
    ]


def next_counters(tx: Tx, keyset_id: str, count: int) -> int:
    """Reserve exactly ``count`` counters of a keyset and return the first (NUT-13).

    A secret depends on seed, keyset and counter, not on the mint's URL: a mint that is listed
    under two URLs counts its keysets once.
    """
    result = tx.sql.execute(
        update(KeysetRow)
        .where(col(KeysetRow.keyset_id) == keyset_id)
        .values(counter=col(KeysetRow.counter) + count)
        .returning(col(KeysetRow.counter))
    )
    return max(result.scalars()) - count


def add_proofs(
    tx: Tx, mint: str, proofs: list[OwnProof], status: ProofStatus, saga: int | None
) -> None:
    """Store proofs that the mint has just signed."""
    if not proofs:
        return
    keysets = tx.sql.execute(
        select(col(KeysetRow.keyset_id), col(KeysetRow.id)).where(col(KeysetRow.mint) == mint)
    )
    rows = {row[0]: row[1] for row in keysets}
    tx.sql.execute(
        insert(ProofRow),
        [
            {
                "keyset": rows[proof.keyset_id],
                "counter": proof.counter,
                "amount": proof.amount,
                "c": proof.c,
                "y": proof.y,
                "dleq": proof.dleq.e + proof.dleq.s if proof.dleq else None,
                "status": int(status),
                "saga": saga,
            }
            for proof in proofs
        ],
    )


def held(connection: Connection, mint: str, unit: Unit) -> list[HeldProof]:
    """List unspent proofs at a mint in one unit that nobody doubts, largest first."""
    rows = connection.execute(
        select(col(ProofRow.id), col(ProofRow.amount), col(KeysetRow.input_fee_ppk))
        .join(KeysetRow, col(ProofRow.keyset) == col(KeysetRow.id))
        .where(
            col(KeysetRow.mint) == mint,
            col(KeysetRow.unit) == unit.value,
            NOT_SPENT,
            col(ProofRow.status) == int(ProofStatus.UNSPENT),
            col(ProofRow.id).not_in(select(col(DoubtedProof.proof))),
        )
        .order_by(col(ProofRow.amount).desc(), col(ProofRow.id))
    )
    return [HeldProof(int(row[0] or 0), row[1], row[2]) for row in rows]


def reserve(tx: Tx, proof_ids: list[int], saga: int) -> bool:
    """Reserve proofs for a saga; false when another took one of them meanwhile."""
    result = tx.sql.execute(
        update(ProofRow)
        .where(col(ProofRow.id).in_(proof_ids), col(ProofRow.status) == int(ProofStatus.UNSPENT))
        .values(status=int(ProofStatus.RESERVED), saga=saga)
    )
    return result.rowcount == len(proof_ids)


def reserved(connection: Connection, saga: int) -> list[StoredProof]:
    """Read the proofs that a saga spends, in the order of their ids."""
    return _stored(
        connection,
        and_(col(ProofRow.saga) == saga, col(ProofRow.status) == int(ProofStatus.RESERVED)),
    )


def held_sum(connection: Connection, mint: str, unit: Unit) -> int:
    """Add up what may be chosen at a mint in one unit and what open sagas spend there.

    A part of the latter comes back as change. It is read first: what comes back meanwhile counts
    twice and is never missed.
    """
    coming = sum(
        amount
        for at, kind, status, amount in sums(connection)
        if (at, kind, status) == (mint, unit, ProofStatus.RESERVED)
    )
    return coming + sum(proof.amount for proof in held(connection, mint, unit))


def stored(connection: Connection, proof_ids: list[int]) -> list[StoredProof]:
    """Read proofs by their ids, in the order of these."""
    return _stored(connection, col(ProofRow.id).in_(proof_ids))


def _stored(connection: Connection, condition: ColumnElement[bool]) -> list[StoredProof]:
    rows = connection.execute(
        select(
            col(KeysetRow.keyset_id),
            col(ProofRow.counter),
            col(ProofRow.amount),
            col(ProofRow.c),
            col(ProofRow.dleq),
        )
        .join(KeysetRow, col(ProofRow.keyset) == col(KeysetRow.id))
        .where(condition)
        .order_by(col(ProofRow.id))
    )
    return [
        StoredProof(row[0], row[1], row[2], bytes(row[3]), bytes(row[4]) if row[4] else None)
        for row in rows
    ]


def give_up(tx: Tx, saga: int, at: int) -> None:
    """Free the proofs of a saga that its mint called spent, and doubt them: none is chosen again.

    Comparing them with the mint (:mod:`routstr.wallet.reconcile`) ends the doubts, or books a loss.
    """
    mine = and_(col(ProofRow.saga) == saga, col(ProofRow.status) == int(ProofStatus.RESERVED))
    for proof in tx.sql.execute(select(col(ProofRow.id)).where(mine)).scalars().all():
        row = insert_into(tx, DoubtedProof).values(proof=proof, since=at)
        tx.sql.execute(row.on_conflict_do_nothing(index_elements=["proof"]))
    move(tx, saga, ProofStatus.RESERVED, ProofStatus.UNSPENT)


def move(tx: Tx, saga: int, before: ProofStatus, after: ProofStatus) -> None:
    """Change the status of all proofs of a saga."""
    values: dict[str, int | None] = {"status": int(after)}
    if after is ProofStatus.UNSPENT:
        values["saga"] = None
    tx.sql.execute(
        update(ProofRow)
        .where(col(ProofRow.saga) == saga, col(ProofRow.status) == int(before))
        .values(**values)
    )


def proof_points(connection: Connection, issuers: Sequence[int]) -> list[tuple[int, bytes]]:
    """List the proofs that sagas issued: the saga and Y (NUT-07) of each."""
    rows = connection.execute(
        select(col(ProofRow.saga), col(ProofRow.y)).where(
            col(ProofRow.saga).in_(issuers), col(ProofRow.status) == int(ProofStatus.ISSUED)
        )
    )
    return [(int(row[0] or 0), bytes(row[1])) for row in rows]


def add_issued(tx: Tx, issued: Issued, at: int) -> None:
    """Store a token before anyone sees it."""
    tx.sql.execute(
        insert(IssuedToken).values(
            saga=issued.saga,
            account=issued.account,
            mint=issued.mint,
            unit=issued.unit.value,
            amount=issued.amount,
            token=issued.token,
            state=int(issued.state),
            created_at=at,
        )
    )


def issued_by(connection: Connection, saga: int) -> Issued:
    """Return the token that a saga gave out."""
    (found,) = _issued(connection, col(IssuedToken.saga) == saga, 1)
    return found


def issued_to(connection: Connection, account: int, limit: int) -> list[Issued]:
    """List tokens given out for an account, redeemed or not, newest first."""
    return _issued(connection, col(IssuedToken.account) == account, limit)


def unclaimed(connection: Connection, before: int | None, limit: int) -> list[Issued]:
    """List tokens that are not known to be redeemed, newest first, of sagas below ``before``."""
    open_ones = col(IssuedToken.state) == int(IssuedState.UNCLAIMED)
    if before is not None:
        open_ones = and_(open_ones, col(IssuedToken.saga) < before)
    return _issued(connection, open_ones, limit)


def unclaimed_by(connection: Connection, account: int, purpose: str, limit: int) -> list[Issued]:
    """List those of one account that its sagas of a purpose gave out, newest first."""
    mine = select(col(SagaRow.id)).where(
        col(SagaRow.id) == col(IssuedToken.saga), col(SagaRow.purpose) == purpose
    )
    condition = and_(
        col(IssuedToken.account) == account,
        col(IssuedToken.state) == int(IssuedState.UNCLAIMED),
        mine.exists(),
    )
    return _issued(connection, condition, limit)


def _issued(connection: Connection, condition: ColumnElement[bool], limit: int) -> list[Issued]:
    table = IssuedToken.__table__  # type: ignore[attr-defined]  # SQLModel does not declare it
    rows = connection.execute(
        select(table).where(condition).order_by(table.c.saga.desc()).limit(limit)
    ).mappings()
    return [
        Issued(
            row["saga"],
            row["account"],
            row["mint"],
            Unit(row["unit"]),
            row["amount"],
            bytes(row["token"]),
            IssuedState(row["state"]),
        )
        for row in rows
    ]


def mark_claimed(tx: Tx, saga: int, at: int) -> bool:
    """Record that a token was redeemed; false when that was known."""
    result = tx.sql.execute(
        update(IssuedToken)
        .where(col(IssuedToken.saga) == saga, col(IssuedToken.state) == int(IssuedState.UNCLAIMED))
        .values(state=int(IssuedState.CLAIMED), claimed_at=at)
    )
    return result.rowcount == 1


def sums(connection: Connection) -> list[tuple[str, Unit, ProofStatus, int]]:
    """Add up proofs that are not spent, by mint, unit and status; spent ones are not read."""
    spent: ColumnElement[int] = literal_column(str(int(ProofStatus.SPENT)))  # as the index says it
    held = (  # apart, or all proofs of a keyset are looked through, and few of them are held
        select(
            col(ProofRow.keyset), col(ProofRow.status), func.sum(col(ProofRow.amount)).label("sum")
        )
        .where(col(ProofRow.status) != spent)
        .group_by(col(ProofRow.keyset), col(ProofRow.status))
        .subquery()
    )
    rows = connection.execute(
        select(col(KeysetRow.mint), col(KeysetRow.unit), held.c.status, func.sum(held.c.sum))
        .join(held, held.c.keyset == col(KeysetRow.id))
        .group_by(col(KeysetRow.mint), col(KeysetRow.unit), held.c.status)
    )
    return [(row[0], Unit(row[1]), ProofStatus(row[2]), int(row[3])) for row in rows]
