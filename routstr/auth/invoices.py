"""Paying in over Lightning: an invoice whose payment makes a key, or tops one up.

The invoice's id (256 random bits) is told once, to whoever asked for the invoice, and stored as a
keyed hash. It is the claim: it names the key that the payment makes, which is derived from it.
The bolt11 alone, which a payer sees, tells how far the payment is and nothing else.

An invoice is for one of the listed mints, the preferred one that answers; a key's own mint comes
first when the key is topped up. A payment is credited whenever it arrives, also while deposits are
closed: the money is at the mint by then. New invoices are refused meanwhile.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any, Final, TypeAlias

from msgspec import Struct

from routstr.auth import invoice_repository, keys, repository
from routstr.auth.invoice_status import Invoice, Status, status_of
from routstr.auth.service import Payer
from routstr.auth.terms import NO_TERMS, KeyTerms, check_terms
from routstr.core.addresses import network
from routstr.core.clock import Clock
from routstr.core.db import Database, Tx
from routstr.core.node_key import NodeKey
from routstr.errors import (
    DepositsClosed,
    InvalidParameter,
    InvoiceError,
    InvoiceNotFound,
    LightningMintBusy,
    LightningMintUnreachable,
    MintExposureReached,
    MintRateLimited,
    MintRefused,
    MintUnreachable,
    RoutstrError,
    TooManyInvoices,
    WalletError,
)
from routstr.ledger import verdict
from routstr.money import Unit
from routstr.payment.deposits import LIGHTNING_CREATE, LIGHTNING_TOPUP, admit_purchase
from routstr.wallet import bolt11
from routstr.wallet.bolt11 import InvalidInvoice
from routstr.wallet.ordering import Beside, Order
from routstr.wallet.quotes import Quote
from routstr.wallet.service import Wallet

SATS_MAX: Final = 1_000_000
ASK_SECONDS_MAX: Final = 5.0
"""How long somebody who asks for a status waits for the mint; what it says is not lost."""
ORDER_SECONDS_MAX: Final = 15.0
"""How long one mint may take to make an invoice before the next one is asked."""
_ID_BYTES: Final = 32
_RETRY: Final = {"Retry-After": "60"}
_WHOLE_MINT: Final = (MintExposureReached, MintRateLimited, MintUnreachable, TimeoutError)
"""No invoice was made, and the mint's other units will not do either."""

_Purpose: TypeAlias = tuple[str, int | None, dict[str, Any]]  # with the account and the context


class _Made(Exception):
    """This call has an invoice already: of a mint that was late, or of its repetition beside it."""


class Wish(Struct, frozen=True):
    """What a client asks for. ``payer``: the key that is topped up; None: a new one on ``terms``.

    ``address`` is the client's; ``mint`` one of the listed mints, if it wants a certain one.
    """

    sats: int
    address: str
    payer: Payer | None = None
    terms: KeyTerms = NO_TERMS
    mint: str | None = None


class Invoices:
    """Makes invoices and tells what became of them.

    ``admitted`` returns when new money may be taken in. ``open_max``: unpaid ones of one client.
    """

    def __init__(
        self,
        db: Database,
        wallet: Wallet,
        node: NodeKey,
        clock: Clock,
        *,
        admitted: Callable[[], Awaitable[None]],
        open_max: int,
    ) -> None:
        self._db = db
        self._wallet = wallet
        self._node = node
        self._clock = clock
        self._admitted = admitted
        self._open_max = open_max

    async def create(self, wish: Wish, operation: bytes | None = None) -> tuple[str, Invoice]:
        """Make an invoice; return its id, which is not told again, and the invoice.

        ``operation`` is the same when the same call is repeated, which then gets the same invoice.
        Raises InvalidParameter, UntrustedMint, DepositsClosed, TooManyInvoices, or why no mint
        made an invoice: LightningMintBusy, LightningMintUnreachable, InvoiceError.
        """
        check_terms(wish.terms, self._clock.now_ms())
        client = self._client(wish)
        invoice_id = self._new_id(operation)
        claim = self._claim(invoice_id)
        if (made := await self._made(claim)) is not None:
            return invoice_id, made
        await self._admitted()
        await self._check(client)

        def beside(tx: Tx, quote: Quote) -> None:
            admit_purchase(tx)
            if invoice_repository.find(tx.sql, claim) is not None:
                raise _Made
            if invoice_repository.count_open(tx.sql, client, quote.created_at) >= self._open_max:
                raise TooManyInvoices(headers=_RETRY)
            if not invoice_repository.add(
                tx, quote.id, claim=claim, client=client, expires_at=quote.expires_at
            ):
                raise _Made

        try:
            quote = await self._order(wish, self._purpose(wish, invoice_id), beside)
        except _Made:
            made = await self._made(claim)
            assert made is not None, "invoices that can be paid are kept"
            return invoice_id, made
        return invoice_id, self._shown(quote)

    async def status(self, invoice_id: str) -> Invoice:
        """Tell how far an invoice is, asking the mint; raises InvoiceNotFound."""
        claim = self._claim(invoice_id)
        quote_id = await self._db.read(lambda c: invoice_repository.find(c, claim))
        if quote_id is None:
            raise InvoiceNotFound
        invoice = self._shown(await self._asked(quote_id))
        if invoice.is_topup or invoice.status is not Status.PAID:
            return invoice
        identity = keys.from_invoice(self._node, invoice_id)
        known = await self._db.read(lambda c: repository.find(c, identity.key_hash))
        key = None if known is None else identity.key  # it was rotated: its owner has another one
        return Invoice(invoice.quote, invoice.status, key)

    async def recover(self, text: str) -> Invoice:
        """Tell how far the payment of a bolt11 is; raises InvoiceNotFound. Never tells a key."""
        try:
            payment_hash = bolt11.decode(text).payment_hash
        except InvalidInvoice as error:
            raise InvalidParameter(
                "This is not a Lightning invoice.", details={"param": "bolt11"}
            ) from error
        quote_id = await self._db.read(lambda c: invoice_repository.of_payment(c, payment_hash))
        if quote_id is None:
            raise InvoiceNotFound
        return self._shown(await self._asked(quote_id))

    async def _made(self, claim: bytes) -> Invoice | None:
        """Return the invoice that was made for a claim, as it was left."""
        found = await self._db.read(lambda c: invoice_repository.find(c, claim))
        return None if found is None else self._shown(await self._wallet.quote(found))

    async def _order(self, wish: Wish, purpose: _Purpose, beside: Beside) -> Quote:
        """Order the invoice at the best place that makes one."""
        name, account, context = purpose
        problem: RoutstrError | None = None
        away = ""
        for mint, unit in self._places(wish):
            if mint == away:
                continue
            amount = unit.from_msat_down(Unit.SAT.to_msat(wish.sats))
            order = Order(mint, unit, amount, name, account, context)
            try:
                async with asyncio.timeout(ORDER_SECONDS_MAX):
                    return await self._wallet.request_quote(order, beside)
            except _WHOLE_MINT as error:
                away = mint
                problem = problem or _as_invoice_error(error)
            except (MintRefused, InvalidParameter) as error:
                problem = problem or _as_invoice_error(error)
        raise problem or InvoiceError("This node has no mint.")

    async def _asked(self, quote_id: int) -> Quote:
        """Ask the mint if that can change anything; else, and without an answer, what is known."""
        with suppress(WalletError, TimeoutError):
            async with asyncio.timeout(ASK_SECONDS_MAX):
                return await self._wallet.check_quote(quote_id)
        return await self._wallet.quote(quote_id)

    async def _check(self, client: bytes) -> None:
        """Refuse before a mint is troubled what would be refused after it."""
        now = self._clock.now_ms()
        known, count = await self._db.read(
            lambda c: (verdict.read(c), invoice_repository.count_open(c, client, now))
        )
        if known.closed:
            raise DepositsClosed
        if count >= self._open_max:
            raise TooManyInvoices(headers=_RETRY)

    def _purpose(self, wish: Wish, invoice_id: str) -> _Purpose:
        if wish.payer is not None:
            return LIGHTNING_TOPUP, wish.payer.account, {}
        identity = keys.from_invoice(self._node, invoice_id)
        context = {"key_hash": identity.key_hash.hex(), "public_id": identity.public_id}
        return LIGHTNING_CREATE, None, context | wish.terms.to_context()

    def _places(self, wish: Wish) -> Iterator[tuple[str, Unit]]:
        """Where an invoice may be for, the best place first."""
        mints = self._wallet.mints
        if wish.mint is not None:
            urls: tuple[str, ...] = (mints.mint(wish.mint).url,)
        else:
            own = "" if wish.payer is None else wish.payer.mint
            urls = tuple(sorted(mints.urls, key=lambda url: url != own))
        for url in urls:
            yield url, Unit.SAT
            yield url, Unit.MSAT

    def _shown(self, quote: Quote) -> Invoice:
        return Invoice(quote, status_of(quote, self._clock.now_ms()))

    def _new_id(self, operation: bytes | None) -> str:
        if operation is None:
            return secrets.token_hex(_ID_BYTES)
        return self._node.mac("invoice-id", operation).hex()

    def _claim(self, invoice_id: str) -> bytes:
        return self._node.mac("invoice-claim", invoice_id.encode())

    def _client(self, wish: Wish) -> bytes:
        """What a client is told apart by: its key, else its address, kept as a hash."""
        if wish.payer is not None:
            return self._node.mac("invoice-client", b"account", str(wish.payer.account).encode())
        return self._node.mac("invoice-client", b"address", network(wish.address).encode())


def _as_invoice_error(problem: RoutstrError | TimeoutError) -> RoutstrError:
    match problem:
        case MintRateLimited():
            return LightningMintBusy(headers=problem.headers)
        case MintUnreachable() | TimeoutError():
            return LightningMintUnreachable(headers={"Retry-After": "5"})
        case MintRefused():
            return InvoiceError(problem.message)
        case _:
            return problem
