"""Letting a token pass on to another mint: its own mint pays an invoice of that one with it.

The node never has ecash of its own at the token's mint (NUT-05)::

    look               mint known? proofs claimed before? keysets, fee; checkstate: spent already?
      ▼
    quote              the largest invoice of the target that the token pays, all fees included
      ▼
    OPEN               claims, sealed token, the target's quote, counters of blank outputs,
      │                purpose's intent -- one transaction, before the mint pays
      │ melts.run / melts.resume
      ├ SIGNED  -> DONE    what fees left over is stored as a token for whoever gave this one; the
      │                    target is asked for its ecash from now on     -- one transaction
      ├ SPENT   -> FAILED  claims freed: someone else spent it
      ├ REFUSED -> FAILED  claims freed: the token is as it was
      └ OPEN               stays; the same token joins it, recovery asks the mint again

What the owner is credited hangs on the target alone: its quote is watched like any invoice, and
credited when it is paid. So a mint that lies about its payment can only harm its own token.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec
from sqlalchemy.exc import IntegrityError

from routstr.core.db import Tx
from routstr.errors import (
    FeesExceedAmount,
    InvalidToken,
    LightningFailed,
    MintRefused,
    MintUnreachable,
    RedemptionPending,
    SourceMintUnreachable,
    TokenAlreadySpent,
    TokenBelowMinimum,
)
from routstr.money import Msat, Unit
from routstr.wallet import purse, quotes, sagas, token
from routstr.wallet.engine import Engine, Outcome
from routstr.wallet.inspection import Inspected, Inspector
from routstr.wallet.keysets import Keyset
from routstr.wallet.melt_quotes import ask_quote
from routstr.wallet.melts import NotPaid, Payment, Result, resume, run
from routstr.wallet.mint_errors import (
    MintBusy,
    MintCode,
    MintDown,
    MintRefusal,
    MintUnclear,
)
from routstr.wallet.mint_types import MeltQuote
from routstr.wallet.mints import Mints, as_wallet_error
from routstr.wallet.models import IssuedState, ProofStatus, QuoteState, SagaKind, SagaState
from routstr.wallet.ordering import Order, draft_quote
from routstr.wallet.proofs import OwnProof, make_outputs
from routstr.wallet.purse import Issued
from routstr.wallet.quotes import Quote
from routstr.wallet.sagas import Plan, Saga
from routstr.wallet.swaps import Ending
from routstr.wallet.token import Token

QUOTE: Final = "quote"
"""In the saga's context: the id of the target's quote."""
_TRIES: Final = 3  # a keyset rotated meanwhile
_QUOTES: Final = 4
"""Invoices that are asked for until one fits: the first for all, mostly the second does."""
_PATIENCE_MS: Final = 60_000
"""The target is not asked earlier, unless the payment is known to be made."""


@dataclass(frozen=True, slots=True)
class Forward:
    """A token, and what shall become of it: ``order.amount`` is found out.

    At least ``minimum`` must arrive, and at most ``cost`` be lost. ``purpose`` is the saga's; that
    of the order books what arrives.
    """

    token: Token
    order: Order
    purpose: str
    minimum: Msat
    cost: Msat


class Forwarder:
    """Carries out forward sagas."""

    def __init__(self, engine: Engine, mints: Mints, inspector: Inspector) -> None:
        self._engine = engine
        self._mints = mints
        self._inspector = inspector

    async def forward(self, wish: Forward) -> Saga | None:
        """Spend a token, of which no saga has a proof, at its mint, and return the saga.

        It is done, or open when nobody knows yet: it goes on, and :meth:`finish` waits for it.
        None: another request has the proofs by now. Raises :class:`FeesExceedAmount` and
        :class:`TokenBelowMinimum` when too little would arrive, the wallet's errors for the token,
        a mint's error (:class:`SourceMintUnreachable` for the token's), or what the purpose's
        intent raises: then the token is as it was, unless the error says that it is spent.
        """
        ys = token.ys(wish.token)
        for attempt in range(_TRIES):
            found, quote, asked = await self._look(wish, ys, fresh=attempt > 0)
            keyset = await self._mints.active(found.mint, found.token.unit, fresh=attempt > 0)
            try:
                saga = await self._intend(self._draft(wish, found, keyset, asked), ys, quote)
            except IntegrityError:
                return None
            outcome = await self._engine.run(saga, self.attempt, resumed=False)
            if outcome.saga.state is not SagaState.FAILED:
                return outcome.saga
            result = outcome.result
            assert isinstance(result, Result), "a saga fails with a result"
            if not result.keyset_outdated:
                raise _as_error(result)
        raise RedemptionPending(headers={"Retry-After": "5"})

    async def finish(self, saga_id: int) -> Saga:
        """Wait for an open saga; :class:`RedemptionPending` when it stays open."""
        return await self._engine.wait(saga_id, self.attempt)

    async def attempt(self, saga: Saga, resumed: bool) -> Outcome:  # noqa: FBT001 - see Attempt
        """Let the mint pay, or find out what became of it, and write the outcome."""
        mint = self._mints.known(saga.mint)
        plan = saga.plan
        keyset = await self._mints.keyset(mint, plan.keyset)
        blanks = make_outputs(
            self._engine.seed, plan.keyset, plan.amounts, first_counter=plan.first_counter
        )
        inputs = token.decode(plan.token).proofs
        payment = Payment(mint, keyset, plan.quote, plan.pay, saga.gross, inputs, blanks)
        result = await (resume(payment) if resumed else run(payment))
        if result.ending is Ending.OPEN:
            return Outcome(saga, result)
        if result.ending is Ending.SIGNED:
            sealed = self._wrap(saga, result.proofs)
            return await self._engine.db.write(lambda tx: self._end(tx, saga, result, sealed))
        return await self._engine.db.write(lambda tx: self._undo(tx, saga, result))

    async def _look(
        self, wish: Forward, ys: tuple[bytes, ...], *, fresh: bool
    ) -> tuple[Inspected, Quote, MeltQuote]:
        mint = self._mints.known(wish.token.mint)
        self._inspector.check_size(wish.token)
        try:
            found = await self._inspector.read(mint, wish.token, fresh=fresh)
            await self._inspector.verify(found, ys)
        except MintUnreachable as error:
            raise SourceMintUnreachable(headers=error.headers) from error
        return found, *await self._fit(wish, found)

    async def _fit(self, wish: Forward, found: Inspected) -> tuple[Quote, MeltQuote]:
        """Find the largest invoice of the target that the token can pay."""
        unit, order = found.token.unit, wish.order
        face = unit.to_msat(found.token.amount)
        amount, excess = order.unit.from_msat_down(face), found.fee
        for _ in range(_QUOTES):
            amount -= -(-int(unit.to_msat(excess)) // order.unit.msat)
            worth = order.unit.to_msat(max(amount, 0))
            _check_worth(wish, face, worth)
            await self._mints.exposure.require_room(order.mint, worth)
            quote = await draft_quote(self._engine, self._mints, replace(order, amount=amount))
            asked = await _asked(found, quote.request)
            excess = asked.amount + asked.fee_reserve - found.net
            if excess <= 0:
                return quote, asked
        raise MintRefused("The mint asks for a larger fee reserve each time.")

    def _draft(self, wish: Forward, found: Inspected, keyset: Keyset, asked: MeltQuote) -> Saga:
        most = found.net - asked.amount  # that can come back
        plan = Plan(
            keyset=keyset.id,
            first_counter=0,
            amounts=[0] * most.bit_length(),  # as many powers of two make up any such sum (NUT-08)
            token=token.encode_a(found.token),
            quote=asked.id,
            pay=asked.amount,
            face=found.token.amount,
        )
        return Saga(
            id=0,
            kind=SagaKind.FORWARD,
            state=SagaState.OPEN,
            purpose=wish.purpose,
            account=None,
            mint=found.mint.url,
            unit=found.token.unit,
            gross=asked.amount + asked.fee_reserve + found.fee,
            fee=found.fee,
            plan=plan,
            context={},
            epoch=1,
            owner=self._engine.instance,
            created_at=self._engine.clock.now_ms(),
        )

    async def _intend(self, draft: Saga, ys: tuple[bytes, ...], quote: Quote) -> Saga:
        def intend(tx: Tx) -> Saga:
            plan = draft.plan
            if plan.amounts:
                first = purse.next_counters(tx, plan.keyset, len(plan.amounts))
                plan = msgspec.structs.replace(plan, first_counter=first)
            stored = quotes.add(tx, self._engine.seal, quote, due_ms=_PATIENCE_MS)
            context = {QUOTE: stored.id}
            whole = msgspec.structs.replace(draft, plan=plan, context=context)
            saga = sagas.insert_saga(tx, self._engine.seal, whole)
            sagas.claim(tx, saga.id, ys)
            self._engine.completion(saga).intended(tx, saga)
            return saga

        return await self._engine.db.write(intend)

    def _end(self, tx: Tx, saga: Saga, result: Result, sealed: bytes) -> Outcome:
        at = self._engine.clock.now_ms()
        sagas.end_saga(tx, saga, SagaState.DONE, at=at, spent=result.spent)
        purse.add_proofs(tx, saga.mint, list(result.proofs), ProofStatus.ISSUED, saga.id)
        done = msgspec.structs.replace(saga, state=SagaState.DONE, spent=result.spent)
        account = self._engine.completion(saga).done(tx, done)
        if change := saga.plan.face - result.spent:
            unclaimed = IssuedState.UNCLAIMED
            issued = Issued(saga.id, account, saga.mint, saga.unit, change, sealed, unclaimed)
            purse.add_issued(tx, issued, at)
        quotes.hasten(tx, saga.context[QUOTE])
        return Outcome(done, result)

    def _undo(self, tx: Tx, saga: Saga, result: Result) -> Outcome:
        sagas.end_saga(tx, saga, SagaState.FAILED, at=self._engine.clock.now_ms())
        sagas.free_claims(tx, saga.id)
        if result.ending is Ending.REFUSED:  # else somebody's payment may still turn out to be ours
            quotes.close(tx, saga.context[QUOTE], QuoteState.EXPIRED)
        self._engine.completion(saga).failed(tx, saga)
        return Outcome(msgspec.structs.replace(saga, state=SagaState.FAILED), result)

    def _wrap(self, saga: Saga, change: tuple[OwnProof, ...]) -> bytes:
        """Seal what came back as a token; nothing when nothing did."""
        if not change:
            return b""
        proofs = tuple(proof.for_token() for proof in change)
        text = token.encode_b(Token(saga.mint, saga.unit, proofs))
        return self._engine.seal.seal("token", text.encode())


def _check_worth(wish: Forward, face: Msat, worth: Msat) -> None:
    """Refuse when too little of a token would arrive."""
    cost = face - worth
    if not worth or cost > wish.cost:
        raise FeesExceedAmount(
            "Moving the token to this node's mint costs too much of it. It was not redeemed.",
            details={"amount": int(face), "fee": int(cost), "unit": Unit.MSAT.value},
        )
    if worth < wish.minimum:
        raise TokenBelowMinimum(
            details={
                "required_msat": int(wish.minimum),
                "token_msat": int(worth),
                "mint_fee_msat": int(cost),
            }
        )


async def _asked(found: Inspected, bolt11: str) -> MeltQuote:
    try:
        return await ask_quote(found.mint, bolt11, found.token.unit)
    except MintUnreachable as error:
        raise SourceMintUnreachable(headers=error.headers) from error


def _as_error(result: Result) -> Exception:
    if result.ending is Ending.SPENT:
        return TokenAlreadySpent()
    error: Any = result.error
    code = getattr(error, "code", None)
    if isinstance(error, NotPaid) or code == MintCode.PAYMENT_FAILED:
        return LightningFailed()
    if isinstance(error, MintRefusal) and code == MintCode.PROOFS_INVALID:
        return InvalidToken("The mint does not know the signatures of this token.")
    assert isinstance(error, MintBusy | MintDown | MintUnclear | MintRefusal)
    told = as_wallet_error(error)
    return SourceMintUnreachable(headers=told.headers) if type(told) is MintUnreachable else told
