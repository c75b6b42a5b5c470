"""SQL of comparing proofs with their mints. Amounts are in the keyset's unit.

Every change repeats, in its own statement, what the proof was like when the mint was asked.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from msgspec import Struct
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    delete,
    exists,
    or_,
    select,
    update,
)
from sqlmodel import col

from routstr.core.db import Tx
from routstr.core.db.upsert import insert_into
from routstr.money import Msat, Unit
from routstr.wallet.models import (
    NOT_SPENT,
    DoubtedProof,
    KeysetRow,
    ProofRow,
    ProofStatus,
    Reconciliation,
    SagaRow,
    SagaState,
)

_OURS: Final = frozenset({ProofStatus.UNSPENT, ProofStatus.RESERVED})
_OPEN_SAGA: Final = exists().where(
    col(SagaRow.id) == col(ProofRow.saga), col(SagaRow.state) == int(SagaState.OPEN)
)
_IN_FLIGHT: Final = and_(col(ProofRow.status) == int(ProofStatus.RESERVED), _OPEN_SAGA)


class Standing(Struct, frozen=True):
    """A proof that counts as ours, as it was read before its mint was asked."""

    id: int
    y: bytes
    amount: int
    unit: Unit
    status: ProofStatus
    saga: int | None


class Lost(Struct, frozen=True):
    """Proofs at one mint in one unit that were given up together.

    ``first`` is the lowest id: it names this loss, for a proof is given up once.
    """

    mint: str
    unit: Unit
    first: int
    amount: int
    proofs: int

    @property
    def msat(self) -> Msat:
        """What they were worth."""
        return self.unit.to_msat(self.amount)


def turn(tx: Tx, mint: str, now_ms: int, interval_ms: int) -> int | None:
    """Take the next turn at a mint: where to go on; None when it is not due yet.

    All instances on the database share the turns, and so one mint is asked at one pace.
    """
    if _begin(tx, mint, now_ms):
        return None  # the first one comes an interval from now
    taken = tx.sql.execute(
        update(Reconciliation)
        .where(
            col(Reconciliation.mint) == mint,
            or_(
                col(Reconciliation.asked_at) <= now_ms - interval_ms,
                col(Reconciliation.asked_at) > now_ms,  # the clock was set back
            ),
        )
        .values(asked_at=now_ms)
        .returning(col(Reconciliation.position))
    ).first()
    return None if taken is None else int(taken[0])


def pass_on(tx: Tx, mint: str, position: int) -> None:
    """Remember where the next turn goes on."""
    tx.sql.execute(
        update(Reconciliation).where(col(Reconciliation.mint) == mint).values(position=position)
    )


def distrust(tx: Tx, mint: str, now_ms: int) -> None:
    """Write down that all proofs at a mint must be compared before one is given away."""
    _begin(tx, mint, now_ms)
    _set_trust(tx, mint, trusted=False)


def distrust_all(tx: Tx, now_ms: int) -> None:
    """The same of every mint: the database is an old one, and what it holds may be given away."""
    for mint in tx.sql.execute(select(col(KeysetRow.mint)).distinct()).scalars().all():
        distrust(tx, mint, now_ms)


def trust(tx: Tx, mint: str) -> None:
    """Write down that they were compared."""
    _set_trust(tx, mint, trusted=True)


def is_distrusted(connection: Connection, mint: str) -> bool:
    """Say whether the proofs at a mint must be compared first."""
    trusted = connection.execute(
        select(col(Reconciliation.trusted)).where(col(Reconciliation.mint) == mint)
    ).scalar()
    return trusted is not None and not trusted


def _begin(tx: Tx, mint: str, now_ms: int) -> bool:
    """Enter a mint; false when it is there."""
    row = insert_into(tx, Reconciliation).values(
        mint=mint, position=0, asked_at=now_ms, trusted=True
    )
    made = row.on_conflict_do_nothing(index_elements=["mint"])
    return tx.sql.execute(made.returning(col(Reconciliation.mint))).first() is not None


def _set_trust(tx: Tx, mint: str, *, trusted: bool) -> None:
    tx.sql.execute(
        update(Reconciliation).where(col(Reconciliation.mint) == mint).values(trusted=trusted)
    )


def proofs(connection: Connection, mint: str, after: int, limit: int) -> list[Standing]:
    """List proofs at a mint that count as ours and are not in flight, by id, above ``after``."""
    return _read(
        connection,
        _standing()
        .where(col(KeysetRow.mint) == mint)
        .where(NOT_SPENT, ~_IN_FLIGHT, col(ProofRow.id) > after)
        .order_by(col(ProofRow.id))
        .limit(limit),
    )


def standing(connection: Connection, ids: Sequence[int]) -> list[Standing]:
    """Read proofs again, those left out that an open saga spends."""
    return _read(connection, _standing().where(col(ProofRow.id).in_(ids), ~_IN_FLIGHT))


def doubted(connection: Connection, mint: str, before_ms: int, limit: int) -> list[Standing]:
    """List proofs at a mint that have been doubted since ``before_ms``, oldest doubts first."""
    return _read(
        connection,
        _standing()
        .join(DoubtedProof, col(DoubtedProof.proof) == col(ProofRow.id))
        .where(col(KeysetRow.mint) == mint, col(DoubtedProof.since) <= before_ms)
        .order_by(col(DoubtedProof.since), col(ProofRow.id))
        .limit(limit),
    )


def doubt(tx: Tx, found: Sequence[Standing], now_ms: int) -> int:
    """Doubt proofs that their mint calls spent; return of how many that is news."""
    news = 0
    for proof in found:
        if not _is_unchanged(tx, proof):
            continue
        row = insert_into(tx, DoubtedProof).values(proof=proof.id, since=now_ms)
        made = row.on_conflict_do_nothing(index_elements=["proof"])
        # not every driver counts what a conflict left out
        news += tx.sql.execute(made.returning(col(DoubtedProof.proof))).first() is not None
    return news


def settle(tx: Tx, found: Sequence[Standing]) -> None:
    """End the doubts about proofs."""
    ids = [proof.id for proof in found]
    tx.sql.execute(delete(DoubtedProof).where(col(DoubtedProof.proof).in_(ids)))


def free(tx: Tx, found: Sequence[Standing]) -> int:
    """Free proofs that were reserved for a saga which has ended; return how many."""
    return sum(_change(tx, proof, ProofStatus.UNSPENT) for proof in found)


def give_up(tx: Tx, mint: str, found: Sequence[Standing]) -> list[Lost]:
    """Count proofs as spent that were doubted; one loss per unit. Doubts end either way."""
    gone: dict[Unit, list[Standing]] = defaultdict(list)
    for proof in found:
        if proof.status in _OURS and _change(tx, proof, ProofStatus.SPENT):
            gone[proof.unit].append(proof)
    settle(tx, found)
    return [
        Lost(
            mint,
            unit,
            min(proof.id for proof in lost),
            sum(proof.amount for proof in lost),
            len(lost),
        )
        for unit, lost in sorted(gone.items())
    ]


def _standing() -> Select[int | None, bytes, int, str, int, int | None]:
    return select(
        col(ProofRow.id),
        col(ProofRow.y),
        col(ProofRow.amount),
        col(KeysetRow.unit),
        col(ProofRow.status),
        col(ProofRow.saga),
    ).join(KeysetRow, col(ProofRow.keyset) == col(KeysetRow.id))


def _read(
    connection: Connection, query: Select[int | None, bytes, int, str, int, int | None]
) -> list[Standing]:
    return [
        Standing(int(row[0] or 0), bytes(row[1]), row[2], Unit(row[3]), ProofStatus(row[4]), row[5])
        for row in connection.execute(query)
    ]


def _unchanged(proof: Standing) -> ColumnElement[bool]:
    """The proof is as it was read, and no open saga has it."""
    saga = col(ProofRow.saga)
    return and_(
        col(ProofRow.id) == proof.id,
        col(ProofRow.status) == int(proof.status),
        saga.is_(None) if proof.saga is None else saga == proof.saga,
        ~_IN_FLIGHT,
    )


def _is_unchanged(tx: Tx, proof: Standing) -> bool:
    return tx.sql.execute(select(col(ProofRow.id)).where(_unchanged(proof))).first() is not None


def _change(tx: Tx, proof: Standing, status: ProofStatus) -> bool:
    values: dict[str, int | None] = {"status": int(status)}
    if status is ProofStatus.UNSPENT:
        values["saga"] = None
    changed = tx.sql.execute(update(ProofRow).where(_unchanged(proof)).values(**values))
    return changed.rowcount == 1
