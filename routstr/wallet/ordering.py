"""Ordering ecash: a mint makes an invoice, which is stored before anybody sees it (NUT-04, 23)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from routstr.core.db import Tx
from routstr.errors import InvalidParameter, MintRefused
from routstr.money import Unit
from routstr.wallet import bolt11, quote_keys, quotes
from routstr.wallet.amounts import CannotSplit, split
from routstr.wallet.bolt11 import Bolt11, InvalidInvoice
from routstr.wallet.engine import Engine
from routstr.wallet.mint import Mint
from routstr.wallet.mint_errors import MintBusy, MintDown, MintRefusal, MintUnclear
from routstr.wallet.mint_types import MintQuote
from routstr.wallet.mints import Mints, as_wallet_error
from routstr.wallet.models import QuoteState
from routstr.wallet.quotes import Quote

_SIGNED_QUOTES: Final = 20  # the NUT
_LIFE_MS_MAX: Final = 30 * 24 * 3_600_000
"""However long a mint says that an invoice is good, it is not asked about for ever."""

Beside = Callable[[Tx, Quote], None]
"""What else is stored in the same transaction as a new quote; raising refuses it."""


@dataclass(frozen=True, slots=True)
class Order:
    """Ecash that somebody shall pay for: ``amount`` in ``unit``, to be booked by ``purpose``."""

    mint: str
    unit: Unit
    amount: int
    purpose: str
    account: int | None
    context: dict[str, Any]


async def order_quote(
    engine: Engine, mints: Mints, order: Order, beside: Beside | None = None
) -> Quote:
    """Let a mint make an invoice, and store it. Nothing is owed before it is paid.

    Raises :class:`UntrustedMint`, :class:`InvalidParameter` when the mint does not take the
    amount, the mint's error, or what ``beside`` raises: then there is no invoice.
    """
    draft = await draft_quote(engine, mints, order)

    def store(tx: Tx) -> Quote:
        quote = quotes.add(tx, engine.seal, draft)
        if beside is not None:
            beside(tx, quote)
        return quote

    return await engine.db.write(store)


async def draft_quote(engine: Engine, mints: Mints, order: Order) -> Quote:
    """Let a mint make an invoice that is not stored: it must be before somebody pays it.

    Raises as :func:`order_quote`.
    """
    mint = mints.mint(order.mint)
    info = await mints.info(mint)
    bounds = info.minting(order.unit.value)
    if bounds is None:
        raise MintRefused(f"The mint makes no invoices in {order.unit}.")
    if not bounds.hold(order.amount):
        details = {"min": bounds.least, "max": bounds.most, "unit": order.unit.value}
        raise InvalidParameter("The mint does not take this amount.", details=details)
    keyset = await mints.active(mint, order.unit)
    try:
        split(order.amount, keyset.keys)
    except CannotSplit as error:
        raise MintRefused(f"The mint's keyset cannot hold this amount: {error}.") from error
    lock_index = quote_keys.new_index() if info.supports(_SIGNED_QUOTES) else None
    lock = "" if lock_index is None else quote_keys.locking_key(engine.seed, lock_index)
    told = await _quoted(mint, order, lock)
    return _draft(order, mint.url, told, lock_index, engine.clock.now_ms())


async def _quoted(mint: Mint, order: Order, lock: str) -> MintQuote:
    try:
        return await mint.mint_quote(order.amount, order.unit, lock=lock)
    except (MintBusy, MintDown, MintUnclear, MintRefusal) as error:
        raise as_wallet_error(error) from error


def _draft(order: Order, mint: str, told: MintQuote, lock_index: int | None, now_ms: int) -> Quote:
    invoice = _invoice(told.request, order)
    expires_at = 1_000 * (told.expiry or invoice.expires_at)
    return Quote(
        id=0,
        mint=mint,
        unit=order.unit,
        amount=order.amount,
        mint_id=told.id,
        lock_index=lock_index,
        request=told.request,
        payment_hash=invoice.payment_hash,
        expires_at=min(expires_at, now_ms + _LIFE_MS_MAX),
        state=QuoteState.UNPAID,
        purpose=order.purpose,
        account=order.account,
        context=order.context,
        polls=0,
        saga=None,
        created_at=now_ms,
        paid_at=None,
    )


def _invoice(text: str, order: Order) -> Bolt11:
    """Read the mint's invoice: it must ask for what was ordered, or somebody pays too much."""
    try:
        invoice = bolt11.decode(text)
    except InvalidInvoice as error:
        raise MintRefused(f"The mint's invoice cannot be read: {error}.") from error
    if invoice.amount != order.unit.to_msat(order.amount):
        raise MintRefused("The mint's invoice asks for another amount.")
    return invoice
