"""Where tokens come in, whatever they are for: one gate, and one memory of dead tokens."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Final

from routstr.core.clock import Clock
from routstr.errors import TokenAlreadySpent
from routstr.wallet import token
from routstr.wallet.receive import Deposit
from routstr.wallet.sagas import Saga
from routstr.wallet.service import Wallet

_SPENT_REMEMBERED_MS: Final = 600_000
SPENT_MAX: Final = 10_000


async def _at_once() -> None:
    """Deposits wait for nothing."""


class Intake:
    """Receives tokens. A polling client with a dead one does not wear its mint out.

    ``admitted`` returns when new money may be taken in; it is awaited before a token is redeemed.
    """

    def __init__(
        self,
        wallet: Wallet,
        clock: Clock,
        *,
        admitted: Callable[[], Awaitable[None]] = _at_once,
        remembered_max: int = SPENT_MAX,
    ) -> None:
        self._wallet: Final = wallet
        self._clock: Final = clock
        self._admitted: Final = admitted
        self._remembered_max: Final = remembered_max
        self._spent: OrderedDict[bytes, int] = OrderedDict()  # until when (ms), by proofs

    async def receive(self, deposit: Deposit) -> Saga:
        """Redeem a token, once; see :meth:`routstr.wallet.receive.Receiver.receive`.

        The saga may be another's than asked for: callers compare purpose and account.
        """
        digest = sha256(b"".join(sorted(token.ys(deposit.token)))).digest()
        if self._spent.get(digest, 0) > self._clock.now_ms():
            raise TokenAlreadySpent
        await self._admitted()
        try:
            return await self._wallet.receive(deposit)
        except TokenAlreadySpent:
            self._spent[digest] = self._clock.now_ms() + _SPENT_REMEMBERED_MS
            if len(self._spent) > self._remembered_max:
                self._spent.popitem(last=False)
            raise
