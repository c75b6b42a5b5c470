"""A client's wallet: what is in it, what is taken in, given away, paid, and settled.

::

    pay ── token written down, with the node it is for ──> the node
      │ change arrives                    -> settled
      │ nothing is left                   -> settled
      │ the node does not know the token  -> taken back from the mint, settled
      │ nobody answers, a crash           -> open; the next command asks again (see settling)
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from routstr.cli.purse import books
from routstr.core.clock import Clock
from routstr.core.db import Database
from routstr.core.node_key import NodeKey
from routstr.errors import InsufficientLiquidity, InvalidToken, TokenAlreadySpent
from routstr.ledger import instances
from routstr.money import ZERO, Unit
from routstr.wallet import purse as proofs
from routstr.wallet import token
from routstr.wallet.amounts import Coin, select
from routstr.wallet.holdings import Holding
from routstr.wallet.purse import HeldProof, Issued
from routstr.wallet.receive import Deposit
from routstr.wallet.sagas import Saga
from routstr.wallet.send import TOKEN_PROOFS_MAX, Withdrawal
from routstr.wallet.service import Wallet
from routstr.wallet.token import Token

_INPUTS_MAX: Final = 200
_LISTED: Final = 1_000
_CHANGE: Final = "change"


class Paid(Struct, frozen=True):
    """A token that was made. ``amount`` is its face value in ``unit``, ``fee`` the mint's."""

    id: int
    mint: str
    unit: Unit
    amount: int
    fee: int
    node: str
    token: str

    def __repr__(self) -> str:
        return f"Paid({self.id}, {self.amount} {self.unit} for {self.node})"


class TakenIn(Struct, frozen=True):
    """What arrived of a token, and what the mint kept, in ``unit``."""

    mint: str
    unit: Unit
    amount: int
    fee: int


class Purse:
    """One process's hand in a purse; several may have theirs in it at once."""

    def __init__(
        self, db: Database, wallet: Wallet, key: NodeKey, clock: Clock, *, stale_seconds: float
    ) -> None:
        """``key`` seals what is kept."""
        self._db: Final = db
        self._wallet: Final = wallet
        self._key: Final = key
        self._clock: Final = clock
        self._stale_seconds: Final = stale_seconds

    async def holdings(self) -> list[Holding]:
        """What is here, by mint and unit."""
        return await self._wallet.holdings()

    async def take_in(self, text: str) -> TakenIn:
        """Redeem a token. Raises the wallet's errors; repeated it brings nothing again."""
        given = token.decode(text)
        saga = await self._wallet.receive(Deposit(given, books.TAKEN_IN, books.NOBODY, {}, ZERO))
        if saga.purpose != books.TAKEN_IN:
            raise InvalidToken("This token is from this purse.")
        return TakenIn(saga.mint, saga.unit, saga.gross - saga.fee, saga.fee)

    async def give(self, amount: int, unit: Unit, mint: str) -> Paid:
        """Make a token for somebody; it is remembered until it is redeemed."""
        return await self._make(amount, unit, mint, books.GIVEN, "")

    async def pay(self, amount: int, unit: Unit, mint: str, node: str) -> Paid:
        """Make a token for a node. It is written down with the node before anybody sees it.

        Raises ``InsufficientLiquidity`` or the mint's errors: then nothing has left.
        """
        return await self._make(amount, unit, mint, books.PAID, node)

    async def settle_with(self, paid: Paid, text: str) -> TakenIn:
        """Take change in, or the token itself again; either settles the payment.

        Raises ``TokenAlreadySpent`` for the change of another payment.
        """
        deposit = Deposit(
            _change(paid, text), books.CHANGE, books.NOBODY, {books.OF: paid.id}, ZERO
        )
        saga = await self._wallet.receive(deposit)
        if saga.purpose != books.CHANGE:  # it was taken in by hand
            await self.settle(paid)
        elif saga.context[books.OF] != paid.id:
            raise TokenAlreadySpent
        return TakenIn(saga.mint, saga.unit, saga.gross - saga.fee, saga.fee)

    async def keep_change(self, paid: Paid, text: str) -> None:
        """Keep a token before it is redeemed: the mint may not answer, and the node never again.

        Raises ``InvalidToken`` for what cannot be its change.
        """
        _change(paid, text)
        sealed = self._key.seal(_CHANGE, text.encode())
        await self._db.write(lambda tx: books.keep_change(tx, paid.id, sealed))

    async def kept_change(self, paid: Paid) -> str:
        """What was kept last; empty: nothing was."""
        sealed = await self._db.read(lambda c: books.kept_change(c, paid.id))
        return "" if sealed is None else self._key.open(_CHANGE, sealed).decode()

    async def settle(self, paid: Paid) -> None:
        """Nothing more is to come of a payment."""
        at = self._clock.now_ms()
        await self._db.write(lambda tx: books.settle(tx, paid.id, at))

    async def is_redeemed(self, paid: Paid) -> bool:
        """Ask the mint whether somebody has redeemed a token."""
        return bool(await self._wallet.claimed(paid.mint, [paid.id]))

    async def unfinished(self) -> list[Paid]:
        """End movements that an earlier command left open, and list payments that it did."""
        alive = await self._alive()
        await self._wallet.recover(alive)
        return [one for one, owner in await self._out(books.PAID) if owner not in alive]

    async def open_payments(self) -> list[Paid]:
        """Payments that are not settled, whoever works on them."""
        return [one for one, _ in await self._out(books.PAID)]

    async def given(self) -> list[Paid]:
        """Tokens that were made for somebody and are not known to be redeemed."""
        return [one for one, _ in await self._out(books.GIVEN)]

    async def gross_for(self, amount: int, unit: Unit, mint: str) -> int | None:
        """What must leave so that the token is worth ``amount``; None: there is too little."""
        held = await self._db.read(lambda c: proofs.held(c, mint, unit))
        return gross_for(held, amount)

    async def _make(self, amount: int, unit: Unit, mint: str, purpose: str, node: str) -> Paid:
        await self._wallet.mints.keysets(self._wallet.mints.mint(mint))  # fees as they are today
        gross = await self.gross_for(amount, unit, mint)
        if gross is None:
            raise InsufficientLiquidity("There is not enough in the purse at this mint.")
        context = {books.NODE: node}
        wish = Withdrawal(mint, unit, gross, purpose, books.NOBODY, context)
        saga, text = await self._wallet.send(wish)
        return _paid(saga, text)

    async def _out(self, purpose: str) -> list[tuple[Paid, int]]:
        issued = await self._db.read(
            lambda c: proofs.unclaimed_by(c, books.NOBODY, purpose, _LISTED)
        )
        return [await self._told(one) for one in reversed(issued)]

    async def _told(self, issued: Issued) -> tuple[Paid, int]:
        saga = await self._wallet.saga(issued.saga)
        return _paid(saga, await self._wallet.token_text(issued)), saga.owner

    async def _alive(self) -> frozenset[int]:
        """Other processes that have their hand in the purse."""
        alive = await self._db.read(lambda c: instances.alive(c, self._stale_seconds))
        return alive - await self._db.read(instances.crashed_here)


def gross_for(held: Sequence[HeldProof], amount: int) -> int | None:
    """What must be spent of these proofs for a token of ``amount``, with the fee of a swap.

    None: they are too few.
    """
    coins = [Coin(proof.amount) for proof in held]
    fee = 0
    while True:
        few = select(coins, amount + fee, max_inputs=TOKEN_PROOFS_MAX)
        chosen = few or select(coins, amount + fee, max_inputs=_INPUTS_MAX)
        if chosen is None:
            return None
        is_exact = chosen.excess == 0 and len(chosen.indexes) <= TOKEN_PROOFS_MAX
        ppk = 0 if is_exact else sum(held[index].fee_ppk for index in chosen.indexes)
        needed = (ppk + 999) // 1_000
        if needed <= fee:
            return amount + fee
        fee = needed


def _change(paid: Paid, text: str) -> Token:
    given = token.decode(text)
    if given.mint != paid.mint or given.unit is not paid.unit:
        raise InvalidToken("The change is of another mint or unit than the payment.")
    return given


def _paid(saga: Saga, text: str) -> Paid:
    face, node = saga.gross - saga.fee, str(saga.context.get(books.NODE, ""))
    return Paid(saga.id, saga.mint, saga.unit, face, saga.fee, node, text)
