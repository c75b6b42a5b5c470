"""The wallet as an operator looks at it, told in the words of the admin API."""

from dataclasses import dataclass
from typing import Final

from routstr.admin.wallet.answers import (
    move_answer,
    payout_answer,
    saga_answer,
    taken_out,
    verification_answer,
)
from routstr.admin.wallet.overview import Picture, look
from routstr.admin.wallet.schemas import (
    MintBalance,
    MoveList,
    PayoutAnswer,
    PayoutList,
    SagaAnswer,
    SagaList,
    TakenOut,
    VerificationAnswer,
    WalletAnswer,
)
from routstr.core.clock import Clock
from routstr.core.db import Database
from routstr.errors import InvalidParameter
from routstr.payment import movements
from routstr.payment.movements import Listing
from routstr.payment.moving import MintSwaps
from routstr.payment.payouts import Payouts
from routstr.payment.standing import Homes
from routstr.payment.verification import Verifications
from routstr.wallet.overview import Movement
from routstr.wallet.sagas import Saga
from routstr.wallet.service import Wallet

PAGE: Final = 25
OPEN_MAX: Final = 100
_MOVES: Final = 10


@dataclass(frozen=True, slots=True)
class WalletDesk:
    """Looks at the wallet. ``stale_seconds``: after so much silence an instance is gone."""

    db: Database
    wallet: Wallet
    clock: Clock
    payouts: Payouts
    swaps: MintSwaps
    verifications: Verifications
    homes: Homes
    stale_seconds: float

    async def overview(self, *, patient: bool = True) -> WalletAnswer:
        """Everything; when not ``patient``, what is owed where may be missing or a little old."""
        owed = await self.homes.owed() if patient else self.homes.known
        return Picture(await self.db.read(look), self.wallet.mints, owed).answer()

    async def balances(self) -> list[MintBalance]:
        """What is at each mint in each unit."""
        owed = await self.homes.owed()
        return Picture(await self.db.read(look), self.wallet.mints, owed).balances()

    async def open_sagas(self) -> SagaList:
        """Movements that have not ended, oldest first."""
        return SagaList(sagas=self._told(await self._listing(OPEN_MAX, newest=False)))

    async def sagas(self, before: int | None = None, limit: int = PAGE) -> SagaList:
        """The newest movements, whatever became of them, with ids below ``before``."""
        told = self._told(await self._listing(limit + 1, newest=True, before=before))
        return SagaList(sagas=told[:limit], next=told[limit - 1].id if len(told) > limit else None)

    async def saga(self, saga_id: int) -> SagaAnswer:
        """One movement. Raises ``InvalidParameter`` when there is none."""
        told = self._told(await self._listing(1, newest=True, before=saga_id + 1))
        if not told or told[0].id != saga_id:
            raise InvalidParameter(f"There is no saga {saga_id}.")
        return told[0]

    async def list_payouts(self, before: int | None = None, limit: int = PAGE) -> PayoutList:
        """What the operator took out, newest first, of sagas below ``before``."""
        found = await self.payouts.recent(before, limit + 1)
        told = [payout_answer(saga) for saga in found[:limit]]
        return PayoutList(payouts=told, next=told[-1].saga if len(found) > limit else None)

    async def payout(self, saga_id: int) -> PayoutAnswer:
        """One of them. Raises ``InvalidParameter`` when there is none."""
        found = await self.payouts.recent(saga_id + 1, 1)
        if not found or found[0].id != saga_id:
            raise InvalidParameter(f"There is no payout {saga_id}.")
        return payout_answer(found[0])

    async def token(self, saga_id: int) -> TakenOut:
        """Tell a token that was taken out again. Raises as :meth:`Payouts.token_again`."""
        return await self.taken(*await self.payouts.token_again(saga_id))

    async def taken(self, saga: Saga, token: str) -> TakenOut:
        """Tell a token that was taken out."""
        return taken_out(saga, token, await self.wallet.issued_by(saga.id))

    async def moves(self) -> MoveList:
        """The newest moves between mints."""
        return MoveList(moves=[move_answer(move) for move in await self.swaps.recent(_MOVES)])

    def verification(self) -> VerificationAnswer:
        """How the books were found last."""
        return verification_answer(self.verifications)

    def tell(self, saga: Movement, alive: frozenset[int] | None = None) -> SagaAnswer:
        """Tell a movement; without ``alive``, as if whoever works on it lives."""
        mints = self.wallet.mints
        return saga_answer(
            saga,
            listed=mints.urls,
            alive=(saga.owner,) if alive is None else alive,
            resting=[url for url, health in mints.health().items() if health.rest_s],
            now_ms=self.clock.now_ms(),
        )

    async def _listing(self, limit: int, *, newest: bool, before: int | None = None) -> Listing:
        return await self.db.read(
            lambda c: movements.look(c, self.stale_seconds, limit, newest=newest, before=before)
        )

    def _told(self, listing: Listing) -> list[SagaAnswer]:
        return [self.tell(saga, listing.alive) for saga in listing.sagas]
