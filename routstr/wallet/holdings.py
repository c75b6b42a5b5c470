"""What the wallet has, added up from its proofs."""

from dataclasses import dataclass

from sqlalchemy import Connection

from routstr.money import Unit
from routstr.wallet import purse
from routstr.wallet.models import ProofStatus


@dataclass(frozen=True, slots=True)
class Holding:
    """What the wallet has at one mint in one unit, in that unit."""

    mint: str
    unit: Unit
    liquid: int
    reserved: int
    issued: int  # given out, not known to be redeemed


def holdings(connection: Connection) -> list[Holding]:
    """Add up the proofs per mint and unit."""
    found: dict[tuple[str, Unit], dict[ProofStatus, int]] = {}
    for mint, unit, status, amount in purse.sums(connection):
        found.setdefault((mint, unit), {})[status] = amount
    return [
        Holding(
            mint,
            unit,
            amounts.get(ProofStatus.UNSPENT, 0),
            amounts.get(ProofStatus.RESERVED, 0),
            amounts.get(ProofStatus.ISSUED, 0),
        )
        for (mint, unit), amounts in sorted(found.items())
    ]
