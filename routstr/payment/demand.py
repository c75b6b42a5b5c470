"""What a payer is asked for when a request is refused with 402: a payment request (NUT-24).

It asks for the most that this very request can cost, so that a wallet that knows nothing else can
pay and send the request again as it was; what is over comes back as change. The input fee of the
dearest mint that is named is added: whichever of them the wallet takes, enough arrives.
"""

from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Final, NamedTuple, Protocol

from routstr.errors import PaymentError
from routstr.errors.terms import Terms
from routstr.money import Msat, Unit
from routstr.payment.pricing import Quote
from routstr.wallet.offers import Offer, face_value
from routstr.wallet.payment_request import PaymentRequest, encode_a

MINT_CHARS_MAX: Final = 4_000
"""How many characters of mint URLs a payment request names: it has to fit into a header."""


class Offers(Protocol):
    """The mints whose tokens are taken, the preferred one first."""

    async def current(self) -> tuple[Offer, ...]: ...


class _Price(NamedTuple):
    """What must arrive for the request to be served at all, and what it may cost at most."""

    least: Msat
    most: Msat


class Demands:
    """Puts the terms into errors that mean "pay first"; nothing is made before there is one."""

    def __init__(self, offers: Offers, *, token_sat_max: int, topup_url: str) -> None:
        """``token_sat_max``: the largest token that is taken; nobody is asked for a larger one."""
        self._offers: Final = offers
        self._largest: Final = Unit.SAT.to_msat(token_sat_max)
        self._topup_url: Final = topup_url

    async def complete(self, error: PaymentError, quoted: Quote | None = None) -> None:
        """Give an error whose status is 402 its terms, and leave any other as it is.

        Without a quote the error's own ``required`` (msat) is the price, if it tells one.
        """
        if error.http_status != HTTPStatus.PAYMENT_REQUIRED:
            return
        price = _price(error, quoted)
        offers = await self._offers.current()
        unit = _unit(offers)
        named = list(_named(offers, unit))
        amount = None if price is None else self._amount(price, unit, named)
        mints = tuple(offer.mint for offer in named if _has_room(offer, unit.to_msat(amount or 1)))
        request = PaymentRequest(amount=amount, unit=unit.value, mints=mints)
        error.terms = Terms(
            request=encode_a(request) if mints else "",
            amount=amount,
            unit=unit.value,
            mints=mints,
            max_cost_msat=None if price is None else int(price.most),
            topup_url=self._topup_url,
        )

    def _amount(self, price: _Price, unit: Unit, named: Sequence[Offer]) -> int:
        """Compute the face value of the token to ask for, in whole units, at least one."""
        fee_ppk = max((offer.fees_ppk.get(unit, 0) for offer in named), default=0)
        least, most = (face_value(_up(amount, unit), fee_ppk) for amount in price)
        return max(least, min(most, unit.from_msat_down(self._largest)))


def _price(error: PaymentError, quoted: Quote | None) -> _Price | None:
    if quoted is not None:
        return _Price(quoted.admit, quoted.want)
    required = error.details.get("required")
    if type(required) is not int:
        return None
    return _Price(Msat(required), Msat(required))


def _unit(offers: Sequence[Offer]) -> Unit:
    """The preferred mint decides: sat, unless it has msat only."""
    has = next((offer.fees_ppk.keys() for offer in offers if offer.fees_ppk), {Unit.SAT})
    return Unit.SAT if Unit.SAT in has else Unit.MSAT


def _named(offers: Sequence[Offer], unit: Unit) -> Iterator[Offer]:
    """Yield those that have the unit; all, when nothing is known of any."""
    room = MINT_CHARS_MAX
    for offer in [offer for offer in offers if unit in offer.fees_ppk] or offers:
        room -= len(offer.mint)
        if room < 0:
            return
        yield offer


def _has_room(offer: Offer, amount: Msat) -> bool:
    """Whether a token of this amount would be taken there."""
    return offer.room is None or amount <= offer.room


def _up(amount: Msat, unit: Unit) -> int:
    """Whole units that cover an amount; no token is worth nothing, so at least one."""
    return max(1, -(-int(amount) // unit.msat))
