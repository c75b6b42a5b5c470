"""What is the operator's own, so that nothing else is ever paid out.

Whatever the node has is owed to somebody or belongs to the operator, and postings sum to zero: the
operator's accounts add up to the assets less everything that is owed, money in flight included.
Only movements on these accounts can make that less, and each of them locks its account; so whoever
holds them all locked reads a surplus that nobody can take away meanwhile, on either database.
"""

from dataclasses import dataclass
from typing import Final, cast

from sqlalchemy import ColumnElement, Connection, select
from sqlmodel import col

from routstr.core.db import Tx
from routstr.errors import SurplusTooSmall
from routstr.ledger import books
from routstr.ledger.entries import OPERATORS
from routstr.ledger.models import Account
from routstr.money import ZERO, Msat, Unit, total
from routstr.wallet.holdings import Holding

_ID: Final = cast("ColumnElement[int]", col(Account.id))  # None only before the row exists
_OWN: Final = col(Account.kind).in_([int(kind) for kind in OPERATORS])


@dataclass(frozen=True, slots=True)
class Payable:
    """What can be paid out from one mint in one unit, in that unit, fees included."""

    mint: str
    unit: Unit
    amount: int

    @property
    def worth(self) -> Msat:
        """The same in msat."""
        return self.unit.to_msat(self.amount)


def surplus(connection: Connection) -> Msat:
    """Return assets less everything that is owed; below zero when money is missing."""
    balances = books.node_balances(connection)
    return total(balances.get(kind, ZERO) for kind in OPERATORS)


def require_surplus(tx: Tx, amount: Msat) -> None:
    """Lock the operator's accounts until this transaction ends; refuse more than they hold.

    Comes before the transaction touches any account: writers lock the node's accounts in order.
    """
    query = select(col(Account.posted)).where(_OWN).order_by(_ID).with_for_update()
    own = Msat(sum(tx.sql.execute(query).scalars()))
    if amount > own:
        raise SurplusTooSmall(
            details={"surplus_msat": max(int(own), 0), "needed_msat": int(amount)}
        )


def payable(holdings: list[Holding], own: Msat) -> list[Payable]:
    """Say what can be paid out where, most first: free proofs, and no more than is one's own."""
    places = [
        Payable(h.mint, h.unit, min(h.liquid, h.unit.from_msat_down(max(own, ZERO))))
        for h in holdings
    ]
    return sorted((p for p in places if p.amount > 0), key=lambda p: -int(p.worth))
