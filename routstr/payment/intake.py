"""Where tokens come in, whatever they are for: one gate, and one memory of dead tokens."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Final, TypeVar

from routstr.core.clock import Clock
from routstr.errors import TokenAlreadySpent
from routstr.payment.foreign import Arrival, ForeignTokens
from routstr.wallet import token
from routstr.wallet.receive import Deposit
from routstr.wallet.sagas import Saga
from routstr.wallet.service import Wallet
from routstr.wallet.token import Token

T = TypeVar("T")

_SPENT_REMEMBERED_MS: Final = 600_000
SPENT_MAX: Final = 10_000


async def _at_once() -> None:
    """Deposits wait for nothing."""


class Intake:
    """Receives tokens. A polling client with a dead one does not wear its mint out.

    ``admitted`` returns when new money may be taken in; it is awaited before a token is redeemed.
    ``foreign``: what takes tokens of foreign mints in, where that is switched on.
    """

    def __init__(
        self,
        wallet: Wallet,
        clock: Clock,
        *,
        admitted: Callable[[], Awaitable[None]] = _at_once,
        foreign: ForeignTokens | None = None,
        remembered_max: int = SPENT_MAX,
    ) -> None:
        self._wallet: Final = wallet
        self._clock: Final = clock
        self._admitted: Final = admitted
        self._foreign: Final = foreign
        self._remembered_max: Final = remembered_max
        self._spent: OrderedDict[bytes, int] = OrderedDict()  # until when (ms), by proofs

    async def deposit(self, deposit: Deposit) -> Arrival:
        """Take in a token for a balance, also one of a foreign mint; tell what it brought.

        The arrival may be another's than asked for: callers compare purpose and account.
        """
        if self._foreign is not None and self._foreign.takes(deposit.token):
            return await self._alive(deposit, self._foreign.receive)
        return Arrival.of(await self.receive(deposit))

    async def change(self, given: Token) -> str:
        """Return what a token left that was taken in before: a token of its foreign mint, or ""."""
        return "" if self._foreign is None else await self._foreign.change(given)

    async def receive(self, deposit: Deposit) -> Saga:
        """Redeem a token, once; see :meth:`routstr.wallet.receive.Receiver.receive`.

        The saga may be of another purpose or account than asked for: callers compare.
        """
        return await self._alive(deposit, self._wallet.receive)

    async def _alive(self, deposit: Deposit, take: Callable[[Deposit], Awaitable[T]]) -> T:
        """Take a token in unless it is known to be dead, and remember it if it turns out to be."""
        digest = sha256(b"".join(sorted(token.ys(deposit.token)))).digest()
        if self._spent.get(digest, 0) > self._clock.now_ms():
            raise TokenAlreadySpent
        await self._admitted()
        try:
            return await take(deposit)
        except TokenAlreadySpent:
            self._spent[digest] = self._clock.now_ms() + _SPENT_REMEMBERED_MS
            if len(self._spent) > self._remembered_max:
                self._spent.popitem(last=False)
            raise
