"""Receiving a token: swap it at its mint for proofs of this wallet (NUT-03).

::

    look (nothing written)     mint listed? unit? proofs claimed before? keysets, DLEQ, fee,
      │                        minimum; checkstate: spent already?
      ▼
    OPEN   claims, counters, sealed token, purpose's intent     -- one transaction, before the swap
      │ swaps.run / swaps.resume
      ├ SIGNED  -> DONE    proofs stored, purpose's ledger transfers        -- one transaction
      ├ SPENT   -> FAILED  claims freed: someone else redeemed it
      ├ REFUSED -> FAILED  claims freed: the token is as it was
      └ OPEN               stays; the same token joins it, recovery asks the mint again

The same proofs, however they are encoded, meet the same saga. A partial overlap is refused.
"""

from dataclasses import dataclass
from typing import Any, Final

import msgspec
from sqlalchemy.exc import IntegrityError

from routstr.core.db import Tx
from routstr.errors import (
    FeesExceedAmount,
    InvalidToken,
    RedemptionPending,
    TokenAlreadySpent,
    TokenBelowMinimum,
    TokenTooLarge,
)
from routstr.money import Msat
from routstr.wallet import purse, sagas, token
from routstr.wallet.amounts import CannotSplit, split
from routstr.wallet.engine import Engine, Outcome
from routstr.wallet.inspection import Inspector, in_thread
from routstr.wallet.keysets import Keyset
from routstr.wallet.mint import Mint
from routstr.wallet.mint_errors import MintBusy, MintCode, MintDown, MintRefusal, MintUnclear
from routstr.wallet.mints import Mints, as_wallet_error
from routstr.wallet.models import ProofStatus, SagaKind, SagaState
from routstr.wallet.proofs import make_outputs
from routstr.wallet.sagas import Plan, Saga
from routstr.wallet.swaps import Ending, Result, Swap, resume, run
from routstr.wallet.token import Token

_TRIES: Final = 3  # a keyset rotated, or another request had the proofs and gave them back


@dataclass(frozen=True, slots=True)
class Deposit:
    """What a caller wants done with a token."""

    token: Token
    purpose: str
    account: int | None
    context: dict[str, Any]
    minimum: Msat


class Receiver:
    """Carries out receive sagas."""

    def __init__(self, engine: Engine, mints: Mints, *, proofs_max: int, sat_max: int) -> None:
        self._engine = engine
        self._mints = mints
        self.inspector = Inspector(mints, proofs_max=proofs_max, sat_max=sat_max)

    async def receive(self, deposit: Deposit) -> Saga:
        """Redeem a token once; the same proofs again return the same saga, done.

        The saga may be of another purpose or account than asked for: callers compare. Raises the
        wallet's errors; each says whether the token was redeemed.
        """
        ys = await in_thread(len(deposit.token.proofs), token.ys, deposit.token)
        for attempt in range(_TRIES):
            known = await self.find(ys)
            if known is not None:
                if (joined := await self._join(known)) is not None:
                    return joined
                continue
            try:
                prepared = await self._prepare(deposit, ys, fresh=attempt > 0)
            except (TokenAlreadySpent, RedemptionPending):
                if await self.find(ys) is None:
                    raise
                continue  # it was this node that spent it, meanwhile
            try:
                saga = await self._intend(prepared, ys)
            except IntegrityError:  # another request claimed these proofs meanwhile
                continue
            outcome = await self._engine.run(saga, self.attempt, resumed=False)
            if outcome.saga.state is SagaState.DONE:
                return outcome.saga
            result = outcome.result
            if result is None or (result.keyset_outdated and attempt + 1 < _TRIES):
                continue
            raise _as_error(result)
        raise RedemptionPending(headers={"Retry-After": "2"})

    async def find(self, ys: tuple[bytes, ...]) -> Saga | None:
        """Return the saga that owns exactly these proofs; a partial overlap is refused."""
        claimed = await self._engine.db.read(lambda c: sagas.claimants(c, ys))
        if not claimed:
            return None
        (saga_id, owned), *others = claimed.items()
        if others or owned != set(ys):
            raise TokenAlreadySpent("A part of this token was used here before.")
        return await self._engine.load(saga_id)

    async def attempt(self, saga: Saga, resumed: bool) -> Outcome:  # noqa: FBT001 - see Attempt
        """Swap, or find out what became of the swap, and write the outcome."""
        given = token.decode(saga.plan.token)
        mint = self._mints.mint(saga.mint)
        keyset = await self._mints.keyset(mint, saga.plan.keyset)
        plan = saga.plan
        outputs = await in_thread(len(plan.amounts), _outputs, self._engine.seed, plan)
        swap = Swap(mint, keyset, given.proofs, outputs)
        result = await (resume(swap) if resumed else run(swap))
        if result.ending is Ending.OPEN:
            return Outcome(saga, result)
        return await self._engine.db.write(lambda tx: self._end(tx, saga, result))

    async def _join(self, saga: Saga) -> Saga | None:
        """Wait for a saga that has these proofs; None when it gave them back."""
        if saga.kind is not SagaKind.RECEIVE:  # they went to another mint, see forwarding
            raise TokenAlreadySpent if saga.state is SagaState.DONE else RedemptionPending
        if saga.state is SagaState.OPEN:
            saga = await self._engine.wait(saga.id, self.attempt)
        return saga if saga.state is SagaState.DONE else None

    async def _prepare(self, deposit: Deposit, ys: tuple[bytes, ...], *, fresh: bool) -> Saga:
        """Check everything that can be checked before anything is written or spent."""
        given = deposit.token
        mint = self._mints.mint(given.mint)
        self.inspector.check_size(given)
        await self._mints.exposure.require_room(mint.url, given.unit.to_msat(given.amount))
        found = await self.inspector.read(mint, given, fresh=fresh)
        _check_value(deposit, found.net, found.fee)
        await self.inspector.verify(found, ys)
        keyset = await self._mints.active(mint, given.unit, fresh=fresh)
        plan = Plan(
            keyset=keyset.id,
            first_counter=0,
            amounts=_split(found.net, keyset),
            token=token.encode_a(found.token),
        )
        return self._saga(deposit, mint, found.fee, plan)

    def _saga(self, deposit: Deposit, mint: Mint, fee: int, plan: Plan) -> Saga:
        return Saga(
            id=0,
            kind=SagaKind.RECEIVE,
            state=SagaState.OPEN,
            purpose=deposit.purpose,
            account=deposit.account,
            mint=mint.url,
            unit=deposit.token.unit,
            gross=deposit.token.amount,
            fee=fee,
            plan=plan,
            context=deposit.context,
            epoch=1,
            owner=self._engine.instance,
            created_at=self._engine.clock.now_ms(),
        )

    async def _intend(self, prepared: Saga, ys: tuple[bytes, ...]) -> Saga:
        def intend(tx: Tx) -> Saga:
            self._mints.exposure.check(tx.sql, prepared.mint, prepared.net_msat)
            plan = prepared.plan
            first = purse.next_counters(tx, plan.keyset, len(plan.amounts))
            plan = msgspec.structs.replace(plan, first_counter=first)
            draft = msgspec.structs.replace(prepared, plan=plan)
            saga = sagas.insert_saga(tx, self._engine.seal, draft)
            sagas.claim(tx, saga.id, ys)
            self._engine.completion(saga).intended(tx, saga)
            return saga

        return await self._engine.db.write(intend)

    def _end(self, tx: Tx, saga: Saga, result: Result) -> Outcome:
        state = SagaState.DONE if result.ending is Ending.SIGNED else SagaState.FAILED
        sagas.end_saga(tx, saga, state, at=self._engine.clock.now_ms())
        completion = self._engine.completion(saga)
        account = saga.account
        if state is SagaState.DONE:
            purse.add_proofs(tx, saga.mint, list(result.proofs), ProofStatus.UNSPENT, None)
            account = completion.done(tx, saga)
            sagas.name_account(tx, saga, account)
        else:
            sagas.free_claims(tx, saga.id)
            completion.failed(tx, saga)
        return Outcome(msgspec.structs.replace(saga, state=state, account=account), result)


def _outputs(seed: bytes, plan: Plan) -> Any:  # noqa: ANN401 - list[PreparedOutput], for a thread
    return make_outputs(seed, plan.keyset, plan.amounts, first_counter=plan.first_counter)


def _split(net: int, keyset: Keyset) -> list[int]:
    try:
        return split(net, keyset.keys)
    except CannotSplit as error:
        raise TokenTooLarge(f"The mint's keyset cannot hold this amount: {error}.") from error


def _check_value(deposit: Deposit, net: int, fee: int) -> None:
    unit = deposit.token.unit
    if net <= 0:
        raise FeesExceedAmount(details={"amount": deposit.token.amount, "fee": fee, "unit": unit})
    value = unit.to_msat(net)
    if value < deposit.minimum:
        raise TokenBelowMinimum(
            details={
                "required_msat": int(deposit.minimum),
                "token_msat": int(value),
                "mint_fee_msat": int(unit.to_msat(fee)),
            }
        )


def _as_error(result: Result) -> Exception:
    if result.ending is Ending.SPENT:
        return TokenAlreadySpent()
    error = result.error
    if result.ending is Ending.OPEN or error is None:
        return RedemptionPending(headers={"Retry-After": "5"})
    if isinstance(error, MintRefusal) and error.code == MintCode.PROOFS_INVALID:
        return InvalidToken("The mint does not know the signatures of this token.")
    assert isinstance(error, MintBusy | MintDown | MintUnclear | MintRefusal)
    return as_wallet_error(error)
