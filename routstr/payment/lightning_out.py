"""What refunds and payouts share: the most that fits is asked for, and paid."""

from typing import Any, Final

from routstr.errors import (
    BalanceTooSmall,
    InsufficientLiquidity,
    LightningFailed,
    MintRateLimited,
    MintRefused,
    MintUnreachable,
    PaymentTooDear,
)
from routstr.money import Unit
from routstr.payment.lnurl import Lnurl, PayOffer
from routstr.wallet.melting import Melt
from routstr.wallet.sagas import Saga
from routstr.wallet.service import Wallet

ELSEWHERE: Final = (
    InsufficientLiquidity,
    LightningFailed,
    MintRateLimited,
    MintRefused,
    MintUnreachable,
)
"""Nothing has left, and another mint may pay."""
_QUOTES_MAX: Final = 6


async def pay_most(  # noqa: PLR0913 - from where, to where, for whom
    wallet: Wallet,
    lnurl: Lnurl,
    offer: PayOffer,
    mint: str,
    unit: Unit,
    limit: int,
    *,
    purpose: str,
    account: int,
    context: dict[str, Any],
) -> Saga:
    """Pay as many whole sat as fit with all fees into ``limit``, in ``unit``; what is over stays.

    What a payment costs is known only from a quote for its invoice: the first is for the whole
    limit, each further one for less by what was too much. Raises :class:`BalanceTooSmall` when the
    recipient does not take so little, else what :meth:`Wallet.melt` and the address raise.
    """
    sats = unit.to_msat(limit).sats_down
    for _ in range(_QUOTES_MAX):
        sats = min(sats, offer.most.sats_down)
        if sats < max(offer.least.sats_up, 1):
            break
        bolt11 = await lnurl.invoice(offer, sats)
        try:
            return await wallet.melt(Melt(mint, unit, bolt11, limit, purpose, account, context))
        except PaymentTooDear as error:
            sats -= unit.to_msat(error.excess).sats_up
    raise BalanceTooSmall(details={"min_sendable_msat": int(offer.least)})
