"""What a mint wants for paying an invoice, and whether it is fit for that (NUT-05, 06, 23).

Only a mint that can be asked later what became of a payment is asked to pay: it must list NUT-05
for bolt11 in this unit, NUT-07, NUT-08 and NUT-09. Payments in parts (NUT-15) are not used.
"""

from typing import Final

import msgspec

from routstr.errors import InvalidParameter, MintRefused
from routstr.money import Unit
from routstr.wallet.bolt11 import InvalidInvoice, decode
from routstr.wallet.mint import Mint
from routstr.wallet.mint_errors import MintBusy, MintDown, MintRefusal, MintUnclear
from routstr.wallet.mint_types import MeltQuote, MeltQuoteState, MintInfo
from routstr.wallet.mints import as_wallet_error

_NEEDED_NUTS: Final = (5, 7, 8, 9)


async def ask_quote(mint: Mint, bolt11: str, unit: Unit) -> MeltQuote:
    """Ask what paying an invoice costs at this mint; no money moves.

    Raises :class:`InvalidParameter` for what is no invoice, :class:`MintRefused` when the mint is
    not fit for it, or its own error.
    """
    try:
        invoice = decode(bolt11)
    except InvalidInvoice as error:
        raise InvalidParameter(f"This is not a Lightning invoice: {error}.") from None
    if not invoice.amount:
        raise InvalidParameter("The Lightning invoice names no amount.")
    amount = -(-int(invoice.amount) // unit.msat)
    try:
        _require_fit(await mint.info(), unit, amount)
        quote = await mint.melt_quote(bolt11, unit)
    except (MintBusy, MintDown, MintUnclear, MintRefusal) as error:
        raise as_wallet_error(error) from error
    if quote.amount > amount:
        raise MintRefused("The mint asks for more than the invoice's amount.")
    if quote.state is not MeltQuoteState.UNPAID:
        raise MintRefused("The mint has paid this invoice, or is about to.")
    return quote


def _require_fit(info: MintInfo, unit: Unit, amount: int) -> None:
    """Refuse a mint that does not pay such an invoice, or could not be asked about it later."""
    if any(not info.supports(nut) for nut in _NEEDED_NUTS):
        raise MintRefused("The mint does not offer Lightning payments that this node can follow.")
    for entry in _methods(info):
        if (entry.method, entry.unit) == ("bolt11", unit.value):
            if not (entry.min_amount or 0) <= amount <= (entry.max_amount or amount):
                details = {"min_amount": entry.min_amount, "max_amount": entry.max_amount}
                raise MintRefused("The amount is outside the mint's limits.", details=details)
            return
    raise MintRefused(f"The mint does not pay Lightning invoices out of {unit}.")


class _Method(msgspec.Struct):
    """A way to pay that a mint lists (NUT-05). Amounts are in the unit; None: no bound."""

    method: str
    unit: str
    min_amount: int | None = None
    max_amount: int | None = None


class _Setting(msgspec.Struct):
    methods: list[_Method] = []


def _methods(info: MintInfo) -> list[_Method]:
    try:
        return msgspec.convert(info.nuts.get("5"), _Setting).methods
    except msgspec.ValidationError:
        return []
