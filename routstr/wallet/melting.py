"""Paying a Lightning invoice out of this wallet: proofs go to their mint, and the mint pays.

::

    quote             the mint says amount and fee reserve; no money moves
      ▼
    choose            proofs that cover both and the mint's input fee; the rest comes back
      ▼
    OPEN              proofs reserved, counters of blank outputs, quote, purpose's intent (the owner
      │               is debited the most that can leave) -- one transaction, before the mint pays
      │ melts.run / melts.resume
      ├ SIGNED  -> DONE    inputs spent, change kept, what really left is booked -- one transaction
      ├ REFUSED -> FAILED  proofs free again, purpose undoes its intent
      ├ SPENT              our own proofs are gone at the mint: stays open for the operator
      └ OPEN               stays; recovery asks the mint again

Recovery after a restart, by what the mint says (``melts`` has the table)::

    crashed before the call     quote UNPAID, inputs UNSPENT   the identical melt, now
    crashed under way           quote PENDING                  asked again until it has ended
    crashed before the outcome  quote PAID, inputs SPENT       change restored (NUT-09) -> DONE
    the payment failed          quote UNPAID, inputs UNSPENT   the identical melt is refused, or
                                                               paid now: the intent stands

The invoice is paid at most once, for the mint pays a quote once. A mint that cannot be asked
for all of this is not asked to pay (``melt_quotes``).
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from routstr.core.db import Tx
from routstr.errors import (
    InsufficientLiquidity,
    LightningFailed,
    PaymentTooDear,
    WalletError,
)
from routstr.money import Unit
from routstr.wallet import purse, sagas
from routstr.wallet.amounts import Coin, Selection, select
from routstr.wallet.engine import Engine, Outcome
from routstr.wallet.keysets import Keyset, input_fee
from routstr.wallet.melt_quotes import ask_quote
from routstr.wallet.melts import NotPaid, Payment, Result, resume, run
from routstr.wallet.mint import Mint
from routstr.wallet.mint_errors import (
    MintBusy,
    MintCode,
    MintDown,
    MintRefusal,
    MintUnclear,
)
from routstr.wallet.mint_types import MeltQuote
from routstr.wallet.mints import Mints, as_wallet_error
from routstr.wallet.models import ProofStatus, SagaKind, SagaState
from routstr.wallet.proofs import make_outputs
from routstr.wallet.sagas import LeaseLost, Plan, Saga
from routstr.wallet.send import spendable
from routstr.wallet.swaps import Ending

_INPUTS_MAX: Final = 200
_TRIES: Final = 5  # a keyset rotated, or another request took a chosen proof first
_CHANGE_SECONDS_MAX: Final = 5.0
_CHANGE_POLL_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Melt:
    """What a caller wants paid: at most ``limit`` may leave, in ``unit``, all fees included.

    ``account`` and ``context`` are the purpose's own, kept with the saga.
    """

    mint: str
    unit: Unit
    bolt11: str = field(repr=False)
    limit: int
    purpose: str
    account: int | None
    context: dict[str, Any]


class _Taken(Exception):
    """A chosen proof was reserved by another request."""


class _Short(Exception):
    """The free proofs are too few; ``may_grow``: with those under way they would do."""

    def __init__(self, *, may_grow: bool) -> None:
        self.may_grow = may_grow


class Melter:
    """Carries out melt sagas."""

    def __init__(self, engine: Engine, mints: Mints) -> None:
        self._engine = engine
        self._mints = mints

    async def melt(self, wish: Melt) -> Saga:
        """Pay an invoice; return its saga: done, or open when nobody knows yet.

        A done saga's ``spent`` is what left the wallet, ``fee`` the input fee in it and
        ``plan.pay`` the invoice's amount. An open one goes on by itself; :meth:`look` asks again.

        Raises :class:`PaymentTooDear` when it would need more than the limit (``excess`` says how
        much), :class:`InsufficientLiquidity`, :class:`LightningFailed`, :class:`MintRefused`,
        :class:`MintUnreachable`, :class:`MintRateLimited`, :class:`UntrustedMint`, or what the
        purpose's intent raises: then nothing has left, and nothing will.
        """
        mint = self._mints.mint(wish.mint)
        quote = await ask_quote(mint, wish.bolt11, wish.unit)
        for attempt in range(_TRIES):
            keyset = await self._mints.active(mint, wish.unit, fresh=attempt > 0)
            saga = await self._intend(wish, mint, keyset, quote)
            outcome = await self._engine.run(saga, self.attempt, resumed=False)
            if outcome.saga.state is not SagaState.FAILED:
                return outcome.saga
            result = outcome.result
            assert isinstance(result, Result), "a saga fails with a result"
            if not result.keyset_outdated:
                raise _as_error(result)
        raise InsufficientLiquidity

    async def look(self, saga_id: int) -> Saga:
        """Return a melt saga; one of this instance that lies open is asked about at its mint."""
        saga = await self._engine.load(saga_id)
        is_idle = saga_id not in self._engine.running and saga.owner == self._engine.instance
        if saga.state is not SagaState.OPEN or not is_idle:
            return saga
        try:
            return (await self._engine.run(saga, self.attempt, resumed=True)).saga
        except LeaseLost:
            return await self._engine.load(saga_id)

    async def attempt(self, saga: Saga, resumed: bool) -> Outcome:  # noqa: FBT001 - see Attempt
        """Let the mint pay, or find out what became of it, and write the outcome."""
        mint = self._mints.mint(saga.mint)
        keyset = await self._mints.keyset(mint, saga.plan.keyset)
        stored = await self._engine.db.read(lambda c: purse.reserved(c, saga.id))
        plan, seed = saga.plan, self._engine.seed
        payment = Payment(
            mint,
            keyset,
            plan.quote,
            plan.pay,
            saga.gross,
            spendable(seed, stored),
            make_outputs(seed, plan.keyset, plan.amounts, first_counter=plan.first_counter),
        )
        result = await (resume(payment) if resumed else run(payment))
        if result.ending is Ending.SIGNED:
            return await self._engine.db.write(lambda tx: self._end(tx, saga, result))
        if result.ending is Ending.REFUSED:
            return await self._engine.db.write(lambda tx: self._undo(tx, saga, result))
        return Outcome(saga, result)

    async def _intend(self, wish: Melt, mint: Mint, keyset: Keyset, quote: MeltQuote) -> Saga:
        """Choose and reserve, waiting a little for change that other requests bring back."""
        clock = self._engine.clock
        deadline = clock.monotonic() + _CHANGE_SECONDS_MAX
        taken = 0
        while True:
            try:
                async with self._engine.choosing[mint.url, wish.unit]:
                    return await self._choose(wish, mint, keyset, quote)
            except _Taken:  # by another instance: in this one they choose one after the other
                taken += 1
                if taken == _TRIES:
                    raise InsufficientLiquidity from None
            except _Short as short:
                if not short.may_grow or clock.monotonic() > deadline:
                    details = {"mint": mint.url, "unit": wish.unit.value}
                    raise InsufficientLiquidity(details=details) from None
                await asyncio.sleep(_CHANGE_POLL_SECONDS)

    async def _choose(self, wish: Melt, mint: Mint, keyset: Keyset, quote: MeltQuote) -> Saga:
        held = await self._engine.db.read(lambda c: purse.held(c, mint.url, wish.unit))
        coins = [Coin(proof.amount, proof.fee_ppk) for proof in held]
        needed = quote.amount + quote.fee_reserve
        _require_within(needed, wish.limit)
        chosen = select(coins, needed, max_inputs=_INPUTS_MAX)
        if chosen is None:
            free = sum(proof.amount for proof in held)
            if free >= needed:  # all of it would do, were there no fee for spending it
                _require_within(needed + input_fee(proof.fee_ppk for proof in held), free)
            most = await self._engine.db.read(lambda c: purse.held_sum(c, mint.url, wish.unit))
            raise _Short(may_grow=free < needed <= most)
        _require_within(needed + chosen.fee, wish.limit)
        draft = self._draft(wish, mint, keyset, quote, chosen)
        ids = [held[index].id for index in chosen.indexes]
        return await self._engine.db.write(lambda tx: self._open(tx, draft, ids))

    def _draft(
        self, wish: Melt, mint: Mint, keyset: Keyset, quote: MeltQuote, chosen: Selection
    ) -> Saga:
        most = quote.fee_reserve + chosen.excess  # that can come back
        plan = Plan(
            keyset=keyset.id,
            first_counter=0,
            amounts=[0] * most.bit_length(),  # as many powers of two make up any such sum (NUT-08)
            quote=quote.id,
            pay=quote.amount,
        )
        return Saga(
            id=0,
            kind=SagaKind.MELT,
            state=SagaState.OPEN,
            purpose=wish.purpose,
            account=wish.account,
            mint=mint.url,
            unit=wish.unit,
            gross=quote.amount + quote.fee_reserve + chosen.fee,
            fee=chosen.fee,
            plan=plan,
            context=wish.context,
            epoch=1,
            owner=self._engine.instance,
            created_at=self._engine.clock.now_ms(),
        )

    def _open(self, tx: Tx, draft: Saga, chosen: list[int]) -> Saga:
        plan = draft.plan
        if plan.amounts:
            first = purse.next_counters(tx, plan.keyset, len(plan.amounts))
            plan = msgspec.structs.replace(plan, first_counter=first)
        draft = msgspec.structs.replace(draft, plan=plan)
        saga = sagas.insert_saga(tx, self._engine.seal, draft)
        if not purse.reserve(tx, chosen, saga.id):
            raise _Taken
        self._engine.completion(saga).intended(tx, saga)
        return saga

    def _end(self, tx: Tx, saga: Saga, result: Result) -> Outcome:
        at = self._engine.clock.now_ms()
        sagas.end_saga(tx, saga, SagaState.DONE, at=at, spent=result.spent)
        purse.move(tx, saga.id, ProofStatus.RESERVED, ProofStatus.SPENT)
        purse.add_proofs(tx, saga.mint, list(result.proofs), ProofStatus.UNSPENT, None)
        done = msgspec.structs.replace(saga, state=SagaState.DONE, spent=result.spent)
        self._engine.completion(saga).done(tx, done)
        return Outcome(done, result)

    def _undo(self, tx: Tx, saga: Saga, result: Result) -> Outcome:
        sagas.end_saga(tx, saga, SagaState.FAILED, at=self._engine.clock.now_ms())
        purse.move(tx, saga.id, ProofStatus.RESERVED, ProofStatus.UNSPENT)
        self._engine.completion(saga).failed(tx, saga)
        return Outcome(msgspec.structs.replace(saga, state=SagaState.FAILED), result)


def _require_within(needed: int, limit: int) -> None:
    if needed > limit:
        error = PaymentTooDear(details={"needed": needed, "limit": limit})
        error.excess = needed - limit
        raise error


def _as_error(result: Result) -> WalletError:
    error = result.error
    assert isinstance(error, MintBusy | MintDown | MintUnclear | MintRefusal)
    if isinstance(error, NotPaid) or getattr(error, "code", None) == MintCode.PAYMENT_FAILED:
        return LightningFailed()
    return as_wallet_error(error)
