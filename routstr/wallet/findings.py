"""Storing proofs that this wallet turned out to have. SQL; amounts are in the keyset's unit."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from msgspec import Struct
from sqlalchemy import Connection, select, update
from sqlmodel import col

from routstr.core.db import Tx
from routstr.money import Msat, Unit
from routstr.wallet import purse, sagas
from routstr.wallet.keysets import Keyset
from routstr.wallet.models import KeysetRow, ProofRow, ProofStatus
from routstr.wallet.proofs import OwnProof
from routstr.wallet.sagas import Seal


class Found(Struct, frozen=True):
    """Proofs of one keyset that were added together.

    ``keyset`` is the row's id and ``first`` the lowest counter: together they name this finding,
    for a counter's proof is added once.
    """

    mint: str
    unit: Unit
    keyset: int
    first: int
    amount: int
    proofs: int

    @property
    def msat(self) -> Msat:
        """What they are worth."""
        return self.unit.to_msat(self.amount)


Book: TypeAlias = Callable[[Tx, Found], None]
"""Whoever books what was found, in the same transaction."""


def numbers_in_flight(connection: Connection, seal: Seal, keyset_id: str) -> set[int]:
    """Return the numbers of a keyset that open sagas have planned with."""
    plans = [
        sagas.load_saga(connection, seal, saga_id).plan
        for saga_id, _ in sagas.open_saga_ids(connection)
    ]
    return {
        plan.first_counter + place
        for plan in plans
        if plan.keyset == keyset_id
        for place in range(len(plan.amounts))
    }


def lock_counter(tx: Tx, keyset_id: str) -> int:
    """Return a keyset's next counter; until the transaction ends, nobody else takes one."""
    rows = tx.sql.execute(
        select(col(KeysetRow.counter))
        .where(col(KeysetRow.keyset_id) == keyset_id)
        .order_by(col(KeysetRow.id))
        .with_for_update()
    )
    return max(rows.scalars())


def advance(tx: Tx, keyset_id: str, counter: int) -> None:
    """Let a keyset's counters go on at ``counter``, wherever they are below it."""
    tx.sql.execute(
        update(KeysetRow)
        .where(col(KeysetRow.keyset_id) == keyset_id, col(KeysetRow.counter) < counter)
        .values(counter=counter)
    )


def add(tx: Tx, mint: str, keyset: Keyset, proofs: Sequence[OwnProof]) -> Found | None:
    """Store those of a keyset's unspent proofs that are not stored yet; None when all are."""
    ys = [proof.y for proof in proofs]
    known = tx.sql.execute(select(col(ProofRow.y)).where(col(ProofRow.y).in_(ys))).scalars()
    stored = {bytes(y) for y in known}
    fresh = [proof for proof in proofs if proof.y not in stored]
    if not fresh:
        return None
    purse.add_proofs(tx, mint, fresh, ProofStatus.UNSPENT, None)
    row = tx.sql.execute(
        select(col(KeysetRow.id)).where(
            col(KeysetRow.mint) == mint, col(KeysetRow.keyset_id) == keyset.id
        )
    ).scalar_one()
    assert row is not None, "the keyset was stored before its proofs"
    return Found(
        mint,
        Unit(keyset.unit),
        row,
        min(proof.counter for proof in fresh),
        sum(proof.amount for proof in fresh),
        len(fresh),
    )
