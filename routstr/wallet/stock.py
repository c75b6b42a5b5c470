"""What ecash the wallet has to pay with, by amount and by keyset. Reads only."""

from msgspec import Struct
from sqlalchemy import Connection, func, select
from sqlmodel import col

from routstr.money import Unit
from routstr.wallet.models import NOT_SPENT, DoubtedProof, KeysetRow, ProofRow, ProofStatus


class Stock(Struct, frozen=True, kw_only=True):
    """One keyset of a mint, with the free proofs in it: how many there are of each amount.

    ``fee_ppk`` is what the mint takes for spending a thousand proofs, in ``unit`` (NUT-02).
    """

    mint: str
    unit: Unit
    keyset: str
    active: bool
    fee_ppk: int
    amounts: dict[int, int]

    @property
    def proofs(self) -> int:
        """How many there are."""
        return sum(self.amounts.values())

    @property
    def worth(self) -> int:
        """What they are worth, in the unit."""
        return sum(amount * count for amount, count in self.amounts.items())


def stocks(connection: Connection) -> list[Stock]:
    """List all keysets that were ever stored, by mint."""
    counts: dict[int, dict[int, int]] = {}
    for keyset, amount, count in connection.execute(
        select(col(ProofRow.keyset), col(ProofRow.amount), func.count())
        .where(
            NOT_SPENT,
            col(ProofRow.status) == int(ProofStatus.UNSPENT),
            col(ProofRow.keyset).in_(select(col(KeysetRow.id))),
        )
        .group_by(col(ProofRow.keyset), col(ProofRow.amount))
        .order_by(col(ProofRow.amount))
    ):
        counts.setdefault(keyset, {})[amount] = count
    rows = connection.execute(
        select(
            col(KeysetRow.id),
            col(KeysetRow.mint),
            col(KeysetRow.unit),
            col(KeysetRow.keyset_id),
            col(KeysetRow.active),
            col(KeysetRow.input_fee_ppk),
        ).order_by(col(KeysetRow.mint), col(KeysetRow.active).desc(), col(KeysetRow.id))
    )
    return [
        Stock(
            mint=mint,
            unit=Unit(unit),
            keyset=keyset,
            active=bool(active),
            fee_ppk=fee,
            amounts=counts.get(int(row or 0), {}),
        )
        for row, mint, unit, keyset, active, fee in rows
    ]


def doubted(connection: Connection) -> dict[tuple[str, Unit], int]:
    """Add up the proofs that their mint calls spent, until it is certain, by mint and unit."""
    rows = connection.execute(
        select(col(KeysetRow.mint), col(KeysetRow.unit), func.sum(col(ProofRow.amount)))
        .join(ProofRow, col(ProofRow.keyset) == col(KeysetRow.id))
        .where(col(ProofRow.id).in_(select(col(DoubtedProof.proof))))
        .group_by(col(KeysetRow.mint), col(KeysetRow.unit))
    )
    return {(mint, Unit(unit)): int(amount) for mint, unit, amount in rows}
