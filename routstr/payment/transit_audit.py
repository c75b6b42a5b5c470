"""Verifying what is between the node's own proofs and mints."""

from typing import Final

from sqlalchemy import Connection

from routstr.ledger.verify import Check, between_mints
from routstr.wallet.mint_swaps import in_transit

TRANSIT: Final = "what is between mints equals the moves under way"


def check_transit(connection: Connection) -> Check:
    """Compare the account of what is between with the movements: at rest both are zero."""
    booked, moving = -between_mints(connection), int(in_transit(connection))
    wrong = () if booked == moving else (f"{booked} msat in the books, {moving} msat under way",)
    return Check(TRANSIT, wrong)
