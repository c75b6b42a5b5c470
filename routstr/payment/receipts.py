"""Receipts: what a request was charged, signed by the node, so that its client can prove it.

Nothing is kept for it: a receipt is made from the books whenever somebody with the key asks, and is
the same each time, but for the seal, which it names once the charge is sealed.
"""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection

from routstr.core.db import Database
from routstr.errors import ReceiptNotFound
from routstr.ledger import seals
from routstr.ledger.charges import Charge, charges_of
from routstr.payment import signing
from routstr.payment.signing import BadStatement, Signer

RECEIPT: Final = "routstr-receipt"
SEAL: Final = "routstr-seal"
"""Types of statements."""
_VERSION: Final = 1


class Receipts:
    """Makes them."""

    def __init__(self, db: Database, signer: Signer) -> None:
        self._db: Final = db
        self._signer: Final = signer

    async def receipt(
        self,
        account: int,
        request_id: str,
        *,
        limit: int | None = None,
        before: int | None = None,
    ) -> dict[str, Any]:
        """Make the receipt of a request that this account paid for; arguments as for the charges.

        Raises :class:`ReceiptNotFound`: there is none, or it was charged nothing, or another
        account.
        """

        def look(connection: Connection) -> list[dict[str, Any]]:
            found = charges_of(connection, account, request_id, limit=limit, before=before)
            return [_charge(connection, one) for one in found]

        charges = await self._db.read(look)
        if not charges:
            raise ReceiptNotFound
        key = await self._signer.key()
        return key.sign(
            {
                "type": RECEIPT,
                "version": _VERSION,
                "request_id": request_id,
                "charged_msats": sum(one["charged_msats"] for one in charges),
                "charges": charges,
            }
        )

    async def newest_seal(self) -> dict[str, Any] | None:
        """Sign the newest seal: from then on the past before it cannot be denied."""
        seal = await self._db.read(seals.last)
        if not seal.number:
            return None
        key = await self._signer.key()
        return key.sign(
            {
                "type": SEAL,
                "version": _VERSION,
                "digest": seal.digest.hex(),
                "sealed_at_ms": seal.created_at,
            }
        )


def verify_receipt(receipt: Mapping[str, Any], *, pubkey: str = "") -> int:
    """Make sure that a receipt is a node's own words; return what was charged, in msat.

    ``pubkey`` is the node's, from its ``/v1/info``. Raises :class:`BadStatement`.
    """
    signing.verify(receipt, kind=RECEIPT, pubkey=pubkey)
    try:
        total = receipt["charged_msats"]
        amounts = [one["charged_msats"] for one in receipt["charges"]]
        whole = all(type(one) is int and one > 0 for one in [total, *amounts])
        agrees = whole and total == sum(amounts)
    except (KeyError, TypeError):
        total, agrees = 0, False
    if not agrees:
        raise BadStatement("its charges do not add up")
    return int(total)


def _charge(connection: Connection, one: Charge) -> dict[str, Any]:
    seal = seals.covering(connection, one.transfer)
    return {
        "transfer": one.transfer,
        "charged_msats": int(one.amount),
        "charged_at_ms": one.at,
        "model": one.model,
        "endpoint": one.endpoint,
        "input_tokens": one.prompt_tokens,
        "output_tokens": one.completion_tokens,
        "estimated": one.estimated,
        "price_version": one.price_version,
        "rates": one.rates,
        "seal": None if seal is None else seal.digest.hex(),
    }
