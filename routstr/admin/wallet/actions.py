"""What an operator does with the wallet. Nothing here decides about money: the use cases do."""

import secrets
from dataclasses import dataclass

from sqlalchemy import Connection

from routstr.admin.wallet.answers import move_answer, payout_answer
from routstr.admin.wallet.desk import WalletDesk
from routstr.admin.wallet.schemas import (
    MoveAnswer,
    MoveRequest,
    PayoutAnswer,
    PayoutRequest,
    ReleaseAnswer,
    ReleaseRequest,
    Resolved,
    ResolvedList,
    TakenOut,
    TakeOut,
    TidyAnswer,
    VerificationAnswer,
)
from routstr.auth import repository
from routstr.errors import InvalidParameter, NoSuchKey
from routstr.money import Msat
from routstr.payment.consolidation import Consolidations
from routstr.payment.movements import is_open
from routstr.payment.operator_calls import Call, find
from routstr.payment.release import recovered, release
from routstr.payment.resolving import Resolver
from routstr.wallet import overview
from routstr.wallet.bolt11 import InvalidInvoice, decode
from routstr.wallet.overview import Movement


@dataclass(frozen=True, slots=True)
class WalletActions:
    """Moves money, and asks mints. ``address`` is where payouts go when nothing else is said."""

    desk: WalletDesk
    consolidations: Consolidations
    resolver: Resolver
    address: str

    async def resolve(self, saga_id: int | None = None) -> ResolvedList:
        """Ask the mints now what became of one movement, or of all that are open."""

        def read(connection: Connection) -> list[Movement]:
            if saga_id is None:
                return overview.open_movements(connection)
            return overview.movements(connection, [saga_id])

        wanted = await self.desk.db.read(read)
        if saga_id is not None and not wanted:
            raise InvalidParameter(f"There is no saga {saga_id}.")
        waiting = [saga for saga in wanted if is_open(saga)]
        answers = await self.resolver.resolve(waiting) if waiting else []
        ended = [saga for saga in wanted if not is_open(saga)]
        told = [Resolved(saga=self.desk.tell(one), why="") for one in ended]
        told += [Resolved(saga=self.desk.tell(one.saga), why=one.why) for one in answers]
        return ResolvedList(sagas=told, open=sum(answer.is_open for answer in answers))

    async def withdraw(self, wanted: TakeOut) -> TakenOut:
        """Take some of the surplus out as a token. Raises as :meth:`Payouts.as_token`."""
        mint, amount, unit = self._mint(wanted.mint_url), wanted.amount, wanted.unit
        call = self._withdrawal(wanted)
        made, token = await self.desk.payouts.as_token(amount, mint, unit, call)
        return await self.desk.taken(made, token)

    async def begun(self, wanted: TakeOut) -> int | None:
        """Return the saga of a withdrawal that was begun under this operation id."""
        call = self._withdrawal(wanted)
        return await self.desk.db.read(lambda c: find(c, call))

    async def pay_out(self, wanted: PayoutRequest) -> PayoutAnswer:
        """Pay some or all of the surplus over Lightning. Raises as :meth:`Payouts.to_address`."""
        to, sats = (wanted.to or self.address).strip(), wanted.amount_sat
        if not to:
            raise InvalidParameter(
                "Say where to: no RECEIVE_LN_ADDRESS is set.", details={"param": "to"}
            )
        mint = None if wanted.mint_url is None else self._mint(wanted.mint_url)
        call, payouts = _call(wanted.operation_id, "payout", to, sats, mint), self.desk.payouts
        if not _is_invoice(to):
            return payout_answer(await payouts.to_address(to, sats, mint, call))
        if sats is not None:
            raise InvalidParameter(
                "A Lightning invoice names its amount: leave the amount out.",
                details={"param": "amount_sat"},
            )
        return payout_answer(await payouts.to_invoice(to, mint, call))

    async def move(self, wanted: MoveRequest) -> MoveAnswer:
        """Move ecash between two listed mints. Raises as :meth:`MintSwaps.swap`."""
        source, target = self._mint(wanted.source), self._mint(wanted.target)
        sats, unit = wanted.amount_sat, wanted.unit
        call = _call(wanted.operation_id, "move", source, target, sats, unit)
        return move_answer(await self.desk.swaps.swap(source, target, sats, unit=unit, call=call))

    def verify(self, *, full: bool) -> VerificationAnswer:
        """Begin to verify, unless that is under way."""
        self.desk.verifications.begin(full=full)
        return self.desk.verification()

    async def tidy(self) -> TidyAnswer:
        """Renew proofs that are many or old, at the operator's cost."""
        return TidyAnswer(swaps=await self.consolidations.run())

    async def release(self, wanted: ReleaseRequest) -> ReleaseAnswer:
        """Give what was found to a key, or to the operator. Raises as :func:`release`."""
        db, at = self.desk.db, self.desk.clock.now_ms()
        name = wanted.operation_id or secrets.token_hex()
        amount = None if wanted.amount_msat is None else Msat(wanted.amount_msat)
        account = None if wanted.key is None else await self._account(wanted.key.strip())
        moved = await db.write(lambda tx: release(tx, account, amount, name, at))
        rest = await db.read(recovered)
        return ReleaseAnswer(moved_msat=int(moved or 0), recovered_msat=int(rest))

    def _withdrawal(self, wanted: TakeOut) -> Call:
        mint = self._mint(wanted.mint_url)
        return _call(wanted.operation_id, "withdraw", wanted.amount, mint, wanted.unit)

    async def _account(self, key_id: str) -> int:
        accounts = await self.desk.db.read(lambda c: repository.accounts_of(c, key_id))
        if len(accounts) != 1:
            raise NoSuchKey
        return accounts[0]

    def _mint(self, url: str | None) -> str:
        """A listed mint; the primary one when none is named. Raises ``UntrustedMint``."""
        mints = self.desk.wallet.mints
        if not (url or mints.urls):
            raise InvalidParameter("The node has no mint.", details={"param": "mint_url"})
        return mints.mint(url or mints.urls[0]).url


def _call(name: str | None, *asked: object) -> Call:
    """Name a call; one that was not named by its caller cannot be repeated."""
    return Call.of(name or secrets.token_hex(), *asked)


def _is_invoice(text: str) -> bool:
    try:
        decode(text)
    except InvalidInvoice:
        return False
    return True
