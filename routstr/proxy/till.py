"""Where a request is paid for: a key's balance, or one token for this request alone.

Whichever it is, what serves the request gets a :class:`~routstr.payment.metering.Meter` and settles
it; everything else about payment happens here, whatever the endpoint and the dialect::

    async with till.checkout(exchange, credentials, offer, endpoint) as meter:
        ...  # anything may be raised in here

When the block is left the hold has ended. What a token paid for a request that failed is given back
before the error is answered, and the answer says so (:meth:`Exchange.refuse`).
"""

from dataclasses import dataclass
from types import TracebackType
from typing import Final, Protocol

from routstr.auth.terms import KeyTerms, from_headers
from routstr.core.tracing import HOLD
from routstr.errors import (
    AuthError,
    MissingApiKey,
    PaymentError,
    TokenAlreadySpent,
    TokenBelowMinimum,
)
from routstr.ledger.entries import KeyMark
from routstr.money import Msat
from routstr.payment.change import Change, Purse
from routstr.payment.metering import KeyChanged, Ledger, Meter, Offer
from routstr.payment.pricing import Quote
from routstr.proxy.exchange import Exchange
from routstr.proxy.wire import Credentials

_NOTHING_BROUGHT: Final = (
    "Payment required. Send the request again with a Cashu token as X-Cashu; this answer's X-Cashu "
    "header says which. Or send an API key as 'Authorization: Bearer ...'."
)


class Payer(Protocol):
    """Who pays: an account of the ledger, and a name for it that may be logged."""

    @property
    def account(self) -> int: ...
    @property
    def key_id(self) -> str: ...


class KeyPayer(Payer, Protocol):
    """The holder of a key; ``mark`` is what a hold has to name of the key."""

    @property
    def mark(self) -> KeyMark | None: ...


class TokenPayment(Payer, Purse, Protocol):
    """A token that pays for one request; ``unanswered`` is its change before there is any."""

    @property
    def unanswered(self) -> Change: ...


class Auth(Protocol):
    """What is needed to know the payer.

    A new token is redeemed only if it is worth ``minimum``, into a key on these terms.
    """

    async def payer(
        self, authorization: str | None, *, minimum: Msat, terms: KeyTerms
    ) -> KeyPayer: ...

    def forget(self, authorization: str | None) -> None:
        """Look the payer up again the next time."""


class Redeemer(Protocol):
    """What is needed to be paid with a token for one request, worth ``minimum`` at least."""

    async def redeem(self, text: str, *, minimum: Msat) -> TokenPayment: ...


class Demand(Protocol):
    """What is needed to tell who has not paid what would settle the request."""

    async def complete(self, error: PaymentError, quoted: Quote | None) -> None: ...


@dataclass(frozen=True, slots=True)
class Till:
    """Takes the money for requests; holds no state of any of them."""

    auth: Auth
    x_cashu: Redeemer
    ledger: Ledger
    demands: Demand

    def checkout(
        self, exchange: Exchange, credentials: Credentials, offer: Offer, endpoint: str
    ) -> "Checkout":
        """A request's payment, as an asynchronous context that gives its meter.

        Entering it raises what says that nobody pays: AuthError, PaymentError, WalletError.
        """
        return Checkout(self, exchange, credentials, offer, endpoint)


class Checkout:
    """One request at the till."""

    __slots__ = ("_credentials", "_endpoint", "_exchange", "_meter", "_offer", "_till")

    def __init__(
        self,
        till: Till,
        exchange: Exchange,
        credentials: Credentials,
        offer: Offer,
        endpoint: str,
    ) -> None:
        self._till: Final = till
        self._exchange: Final = exchange
        self._credentials: Final = credentials
        self._offer: Final = offer
        self._endpoint: Final = endpoint
        self._meter: Meter | None = None

    async def __aenter__(self) -> Meter:
        """Find the payer and hold the money; who has not paid is told what would settle it."""
        work, trace = self._open(), self._exchange.trace
        if trace is not None:
            trace.quoted()
        try:
            self._meter = await (work if trace is None else trace.around(HOLD, work))
        except PaymentError as error:
            await self._till.demands.complete(error, self._offer.quote)
            raise
        return self._meter

    async def _open(self) -> Meter:
        """Look a key up again, once, when it has changed since it was looked up."""
        try:
            return await self._hold()
        except KeyChanged:
            self._till.auth.forget(self._credentials.authorization)
        try:
            return await self._hold()
        except KeyChanged:
            raise AuthError from None  # it changes all the time

    async def _hold(self) -> Meter:
        exchange = self._exchange
        visit = exchange.visit
        if visit is not None:  # before a token is redeemed
            await visit.weigh(self._offer.tokens)
        try:
            payer, purse, mark = await self._payer(self._offer.quote.admit)
        except TokenBelowMinimum as error:
            error.details = {**error.details, "model": self._offer.entry.id}
            raise
        exchange.key_id = payer.key_id
        if visit is not None and purse is None:
            await visit.pay(payer.account)
        try:
            return await Meter.open(
                self._till.ledger,
                payer.account,
                self._offer,
                request_id=exchange.request_id,
                endpoint=self._endpoint,
                purse=purse,
                mark=mark,
            )
        except TokenAlreadySpent:
            exchange.change = None  # whatever is left belongs to the request that it paid for
            raise

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the hold if nobody has, and if the request failed give back what was paid."""
        meter, exchange = self._meter, self._exchange
        assert meter is not None, "it was entered"
        if meter.receipt is None:
            await meter.release()
        # a task that is cancelled answers nobody: what is left can be claimed
        if isinstance(error, Exception) and not exchange.started:
            exchange.change = await meter.give_change()

    async def _payer(self, minimum: Msat) -> tuple[Payer, Purse | None, KeyMark | None]:
        """A token for this request goes before a key, as the more particular of the two."""
        text = self._credentials.x_cashu
        if text is None:
            authorization = self._credentials.authorization
            if authorization is None:
                raise PaymentError(
                    _NOTHING_BROUGHT, details={"required": int(minimum), "unit": "msat"}
                )
            brought = self._credentials
            terms = from_headers(brought.key_expiry_time, brought.refund_lnurl)
            payer = await self._till.auth.payer(authorization, minimum=minimum, terms=terms)
            return payer, None, payer.mark
        if not text:
            raise MissingApiKey
        payment = await self._till.x_cashu.redeem(text, minimum=minimum)
        self._exchange.change = payment.unanswered
        return payment, payment, None
