"""Sending a token: give away proofs of this wallet, after a swap when the amounts do not fit.

::

    choose            proofs that make up the amount exactly, else enough to swap
      ▼
    OPEN              proofs reserved, counters, purpose's intent (the owner is debited) -- one
      │                                                               transaction, before the swap
      │ no swap needed -> DONE in that same transaction
      │ swaps.run / swaps.resume
      ├ SIGNED  -> DONE    token sealed and stored, change kept, fee booked   -- one transaction
      ├ REFUSED -> FAILED  proofs free again, purpose undoes its intent
      ├ SPENT              our own proofs are gone at the mint, which has signed nothing for them:
      │         -> FAILED  once that has been so for a minute; the proofs are doubted, and lost when
      │                    they are still spent (see reconcile); purpose undoes its intent
      └ OPEN               stays; recovery asks the mint again

The gross amount pays the mint's fee for the swap: the token is worth gross - fee. A token exists in
the database before anyone sees it, and stays there until the mint says that it was redeemed.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from routstr.core.db import Tx
from routstr.errors import BalanceTooSmall, InsufficientLiquidity, RedemptionPending
from routstr.money import Unit
from routstr.wallet import purse, sagas, token
from routstr.wallet.amounts import CannotSplit, Coin, Selection, select, split
from routstr.wallet.engine import Engine, Outcome
from routstr.wallet.keysets import Keyset
from routstr.wallet.mint import Mint
from routstr.wallet.mint_errors import MintBusy, MintDown, MintRefusal, MintUnclear
from routstr.wallet.mint_types import ProofState
from routstr.wallet.mints import Mints, as_wallet_error
from routstr.wallet.models import IssuedState, ProofStatus, SagaKind, SagaState
from routstr.wallet.proofs import ProofDleq, TokenProof, make_outputs
from routstr.wallet.purse import HeldProof, Issued, StoredProof
from routstr.wallet.sagas import Plan, Saga
from routstr.wallet.secrets import derivation
from routstr.wallet.swaps import Ending, Result, Swap, resume, run
from routstr.wallet.token import Token

TOKEN_PROOFS_MAX: Final = 20  # of a token made without a swap
_INPUTS_MAX: Final = 200
_TRIES: Final = 5  # a keyset rotated, or another instance took a chosen proof first
_CHANGE_SECONDS_MAX: Final = 5.0
_CHANGE_POLL_SECONDS: Final = 0.05
_SCALAR_BYTES: Final = 32
TOKEN_CHARS_MAX: Final = 8_000
"""Of a token with DLEQ proofs: tokens travel in headers, and clients refuse longer ones."""


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """What a caller wants sent: ``gross`` in ``unit``, the mint's fee included."""

    mint: str
    unit: Unit
    gross: int
    purpose: str
    account: int
    context: dict[str, Any]


class _Taken(Exception):
    """A chosen proof was reserved by another request."""


class _Short(Exception):
    """The free proofs are too few; ``may_grow``: with those under way they would do."""

    def __init__(self, *, may_grow: bool) -> None:
        self.may_grow = may_grow


@dataclass(frozen=True, slots=True)
class _Gift:
    """A token ready to be stored: made outside of the database's writer."""

    amount: int
    sealed: bytes


class Sender:
    """Carries out send sagas."""

    def __init__(self, engine: Engine, mints: Mints) -> None:
        self._engine = engine
        self._mints = mints

    async def send(self, withdrawal: Withdrawal) -> tuple[Saga, str]:
        """Issue a token and return its saga, done, and its text (cashuB).

        Raises :class:`InsufficientLiquidity`, :class:`BalanceTooSmall` (the fee is not below the
        amount), what the purpose's intent raises, or a mint's error: then nothing was debited; or
        :class:`RedemptionPending`: it goes on, and :meth:`finish` waits for it.
        """
        mint = self._mints.mint(withdrawal.mint)
        fresh = False
        for attempt in range(_TRIES):
            keyset = await self._mints.active(mint, withdrawal.unit, fresh=fresh)
            saga = await self._intend(withdrawal, mint, keyset)
            if saga.state is SagaState.DONE:
                return saga, await self.text(saga.id)
            outcome = await self._engine.run(saga, self.attempt, resumed=False)
            if outcome.saga.state is SagaState.DONE:
                return outcome.saga, await self.text(saga.id)
            result = outcome.result
            if result is not None and not (result.keyset_outdated and attempt + 1 < _TRIES):
                raise _as_error(result)
            fresh = True
        raise InsufficientLiquidity

    async def text(self, saga_id: int) -> str:
        """Return the token that a saga gave out."""
        issued = await self._engine.db.read(lambda c: purse.issued_by(c, saga_id))
        return self._engine.seal.open("token", issued.token).decode()

    async def finish(self, saga_id: int) -> Saga:
        """Wait for an open saga; :class:`RedemptionPending` when it stays open."""
        return await self._engine.wait(saga_id, self.attempt)

    async def claimed(self, mint: str, issuers: Sequence[int]) -> set[int]:
        """Ask a mint which tokens that these sagas gave out have a spent proof (NUT-07)."""
        points = await self._engine.db.read(lambda c: purse.proof_points(c, issuers))
        # what has none: somebody else has asked and booked it since the caller looked
        redeemed = set(issuers).difference(saga for saga, _ in points)
        if not points:
            return redeemed
        try:
            states = await self._mints.known(mint).check_state([y for _, y in points])
        except (MintBusy, MintDown, MintUnclear, MintRefusal) as error:
            raise as_wallet_error(error) from error
        found = zip(points, states, strict=True)
        return redeemed.union(saga for (saga, _), state in found if state is ProofState.SPENT)

    async def attempt(self, saga: Saga, resumed: bool) -> Outcome:  # noqa: FBT001 - see Attempt
        """Swap, or find out what became of the swap, and write the outcome."""
        mint = self._mints.mint(saga.mint)
        keyset = await self._mints.keyset(mint, saga.plan.keyset)
        stored = await self._engine.db.read(lambda c: purse.reserved(c, saga.id))
        plan = saga.plan
        swap = Swap(
            mint,
            keyset,
            spendable(self._engine.seed, stored),
            make_outputs(
                self._engine.seed, plan.keyset, plan.amounts, first_counter=plan.first_counter
            ),
        )
        result = await (resume(swap) if resumed else run(swap))
        if result.ending is Ending.REFUSED or self._engine.has_lost(saga, result, resumed=resumed):
            return await self._engine.db.write(lambda tx: self._undo(tx, saga, result))
        if result.ending is not Ending.SIGNED:
            return Outcome(saga, result)
        given = [proof.for_token() for proof in result.proofs[: plan.give]]
        gift = self._wrap(saga.mint, saga.unit, given)
        return await self._engine.db.write(lambda tx: self._end(tx, saga, result, gift))

    async def _intend(self, wish: Withdrawal, mint: Mint, keyset: Keyset) -> Saga:
        """Choose and reserve, waiting a little for change that other requests bring back."""
        clock = self._engine.clock
        deadline = clock.monotonic() + _CHANGE_SECONDS_MAX
        taken = 0
        while True:
            try:
                async with self._engine.choosing[mint.url, wish.unit]:
                    return await self._choose(wish, mint, keyset)
            except _Taken:  # by another instance: in this one they choose one after the other
                taken += 1
                if taken == _TRIES:
                    raise InsufficientLiquidity from None
            except _Short as short:
                if not short.may_grow or clock.monotonic() > deadline:
                    details = {"mint": mint.url, "unit": wish.unit.value}
                    raise InsufficientLiquidity(details=details) from None
                await asyncio.sleep(_CHANGE_POLL_SECONDS)

    async def _choose(self, wish: Withdrawal, mint: Mint, keyset: Keyset) -> Saga:
        held = await self._engine.db.read(lambda c: purse.held(c, mint.url, wish.unit))
        coins = [Coin(proof.amount) for proof in held]
        # few inputs cost a small fee: many are taken only when few do not do
        chosen = select(coins, wish.gross, max_inputs=TOKEN_PROOFS_MAX) or select(
            coins, wish.gross, max_inputs=_INPUTS_MAX
        )
        if chosen is None:
            most = await self._engine.db.read(lambda c: purse.held_sum(c, mint.url, wish.unit))
            free = sum(proof.amount for proof in held)
            raise _Short(may_grow=free < wish.gross <= most)
        ids = [held[index].id for index in chosen.indexes]
        if chosen.excess == 0 and len(ids) <= TOKEN_PROOFS_MAX:
            stored = await self._engine.db.read(lambda c: purse.stored(c, ids))
            gift = self._wrap(mint.url, wish.unit, spendable(self._engine.seed, stored))
            draft = self._draft(wish, mint, 0, Plan(keyset=keyset.id, first_counter=0, amounts=[]))
            return await self._engine.db.write(lambda tx: self._give_exact(tx, draft, ids, gift))
        draft = self._draft(wish, mint, *_plan(wish, keyset, held, chosen))
        return await self._engine.db.write(lambda tx: self._reserve(tx, draft, ids))

    def _draft(self, wish: Withdrawal, mint: Mint, fee: int, plan: Plan) -> Saga:
        return Saga(
            id=0,
            kind=SagaKind.SEND,
            state=SagaState.OPEN,
            purpose=wish.purpose,
            account=wish.account,
            mint=mint.url,
            unit=wish.unit,
            gross=wish.gross,
            fee=fee,
            plan=plan,
            context=wish.context,
            epoch=1,
            owner=self._engine.instance,
            created_at=self._engine.clock.now_ms(),
        )

    def _reserve(self, tx: Tx, draft: Saga, chosen: list[int]) -> Saga:
        plan = draft.plan
        first = purse.next_counters(tx, plan.keyset, len(plan.amounts))
        plan = msgspec.structs.replace(plan, first_counter=first)
        return self._open(tx, msgspec.structs.replace(draft, plan=plan), chosen)

    def _give_exact(self, tx: Tx, draft: Saga, chosen: list[int], gift: _Gift) -> Saga:
        saga = self._open(tx, draft, chosen)
        sagas.end_saga(tx, saga, SagaState.DONE, at=self._engine.clock.now_ms())
        purse.move(tx, saga.id, ProofStatus.RESERVED, ProofStatus.ISSUED)
        return self._issue(tx, saga, gift)

    def _open(self, tx: Tx, draft: Saga, chosen: list[int]) -> Saga:
        saga = sagas.insert_saga(tx, self._engine.seal, draft)
        if not purse.reserve(tx, chosen, saga.id):
            raise _Taken
        self._engine.completion(saga).intended(tx, saga)
        return saga

    def _end(self, tx: Tx, saga: Saga, result: Result, gift: _Gift) -> Outcome:
        sagas.end_saga(tx, saga, SagaState.DONE, at=self._engine.clock.now_ms())
        given = list(result.proofs[: saga.plan.give])
        kept = list(result.proofs[saga.plan.give :])
        purse.move(tx, saga.id, ProofStatus.RESERVED, ProofStatus.SPENT)
        purse.add_proofs(tx, saga.mint, given, ProofStatus.ISSUED, saga.id)
        purse.add_proofs(tx, saga.mint, kept, ProofStatus.UNSPENT, None)
        return Outcome(self._issue(tx, saga, gift), result)

    def _undo(self, tx: Tx, saga: Saga, result: Result) -> Outcome:
        at = self._engine.clock.now_ms()
        sagas.end_saga(tx, saga, SagaState.FAILED, at=at)
        if result.ending is Ending.SPENT:
            purse.give_up(tx, saga.id, at)
        else:
            purse.move(tx, saga.id, ProofStatus.RESERVED, ProofStatus.UNSPENT)
        self._engine.completion(saga).failed(tx, saga)
        return Outcome(msgspec.structs.replace(saga, state=SagaState.FAILED), result)

    def _issue(self, tx: Tx, saga: Saga, gift: _Gift) -> Saga:
        """Store the token and tell the purpose; the saga has ended in this transaction."""
        assert gift.amount == saga.gross - saga.fee, "a token is worth what was debited less fee"
        account = self._engine.completion(saga).done(tx, saga)
        issued = Issued(
            saga.id,
            account,
            saga.mint,
            saga.unit,
            gift.amount,
            gift.sealed,
            IssuedState.UNCLAIMED,
        )
        purse.add_issued(tx, issued, self._engine.clock.now_ms())
        return msgspec.structs.replace(saga, state=SagaState.DONE)

    def _wrap(self, mint: str, unit: Unit, proofs: Sequence[TokenProof]) -> _Gift:
        text = token.encode_b(Token(mint, unit, tuple(proofs)))
        if len(text) > TOKEN_CHARS_MAX:
            bare = tuple(replace(proof, dleq=None) for proof in proofs)
            text = token.encode_b(Token(mint, unit, bare))
        amount = sum(proof.amount for proof in proofs)
        return _Gift(amount, self._engine.seal.seal("token", text.encode()))


def spendable(seed: bytes, stored: Sequence[StoredProof]) -> list[TokenProof]:
    """Derive the secrets of stored proofs again."""
    return [_token_proof(seed, proof) for proof in stored]


def _plan(
    wish: Withdrawal, keyset: Keyset, held: Sequence[HeldProof], chosen: Selection
) -> tuple[int, Plan]:
    """Plan a swap: the outputs given away first, then the change."""
    fee = (sum(held[index].fee_ppk for index in chosen.indexes) + 999) // 1000
    given = wish.gross - fee
    if given <= 0:
        raise BalanceTooSmall(details={"mint_fee": fee, "amount": wish.gross, "unit": wish.unit})
    try:
        give = split(given, keyset.keys)
        keep = split(chosen.amount - wish.gross, keyset.keys)
    except CannotSplit as error:
        raise InsufficientLiquidity(f"The mint's keyset cannot hold this: {error}.") from error
    return fee, Plan(keyset=keyset.id, first_counter=0, amounts=[*give, *keep], give=len(give))


def _token_proof(seed: bytes, stored: StoredProof) -> TokenProof:
    secret, r = derivation(seed, stored.keyset_id)(stored.counter)
    dleq = stored.dleq
    scalars = ProofDleq(dleq[:_SCALAR_BYTES], dleq[_SCALAR_BYTES:], r) if dleq is not None else None
    return TokenProof(stored.amount, stored.keyset_id, secret, stored.c, scalars)


def _as_error(result: Result) -> Exception:
    error = result.error
    if result.ending is Ending.REFUSED:
        assert isinstance(error, MintBusy | MintDown | MintUnclear | MintRefusal)
        return as_wallet_error(error)
    return RedemptionPending(headers={"Retry-After": "5"})
