"""What a token that was redeemed here already was used for, told to whoever has it. Pure.

The mint only says that it is spent. Its owner may still have what it paid for: a key with a
balance, or change to claim.
"""

from typing import Final

from routstr.errors import TokenAlreadySpent
from routstr.payment.deposits import TOPUP

CREATE: Final = "create"
"""The purpose of a deposit that opens a key."""
PAYMENT: Final = "payment"
"""The purpose of a deposit that pays for one request."""

_USES: Final = {
    CREATE: "This token is the API key of a balance here: send it as Authorization: Bearer, alone.",
    PAYMENT: (
        "This token has paid for a request already. POST /v1/wallet/refund with it as X-Cashu "
        "gives what is left."
    ),
    TOPUP: "This token was added to the balance of an API key here already.",
}


def already_used(purpose: str) -> TokenAlreadySpent:
    """The error for a token that was redeemed for ``purpose``, which is not what it is sent for."""
    return TokenAlreadySpent(_USES.get(purpose, ""))
