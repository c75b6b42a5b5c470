"""Checks of packages: whether who pays may have what he asks for.

They are asked when it is known who pays and before anything is held. A token that pays for one
request is nobody's account yet: it is asked about without one, before it is redeemed.
"""

from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

from routstr.ledger.entries import KeyMark
from routstr.money import Msat
from routstr.payment.change import Purse
from routstr.payment.metering import Offer
from routstr.proxy.exchange import Exchange
from routstr.proxy.till import Checkout, Payer, Till
from routstr.proxy.wire import Credentials


@dataclass(frozen=True, slots=True)
class Admission:
    """A paid request before its hold. ``account`` and ``key_id`` are None for an X-Cashu token.

    ``account`` is the ledger's, the same for a key and its children. ``endpoint`` and ``model`` are
    as they are sold; ``address`` is that of the connection, empty when the server knows none.
    ``worst`` is the most that it may cost.
    """

    account: int | None
    key_id: str | None
    endpoint: str
    model: str
    address: str
    worst: Msat


@runtime_checkable
class AuthCheck(Protocol):
    """A check of a package."""

    async def check(self, admission: Admission) -> None:
        """Return, or raise the ``RoutstrError`` that the client gets; nothing is charged then."""
        ...


@dataclass(frozen=True, slots=True)
class CheckedTill(Till):
    """A till where every request is checked."""

    checks: tuple[AuthCheck, ...]

    def checkout(
        self, exchange: Exchange, credentials: Credentials, offer: Offer, endpoint: str
    ) -> Checkout:
        """See :class:`Till`."""
        return CheckedCheckout(self, exchange, credentials, offer, endpoint)


class CheckedCheckout(Checkout):
    """One request at such a till."""

    __slots__ = ("_checks",)

    def __init__(
        self,
        till: CheckedTill,
        exchange: Exchange,
        credentials: Credentials,
        offer: Offer,
        endpoint: str,
    ) -> None:
        super().__init__(till, exchange, credentials, offer, endpoint)
        self._checks: Final = till.checks

    async def _payer(self, minimum: Msat) -> tuple[Payer, Purse | None, KeyMark | None]:
        if self._credentials.x_cashu:
            await self._check(None, None)
            return await super()._payer(minimum)
        found = await super()._payer(minimum)
        await self._check(found[0].account, found[0].key_id)
        return found

    async def _check(self, account: int | None, key_id: str | None) -> None:
        client = self._exchange.scope.get("client")
        admission = Admission(
            account,
            key_id,
            self._endpoint,
            self._offer.entry.id,
            client[0] if client else "",
            self._offer.quote.want,
        )
        for check in self._checks:
            await check.check(admission)
