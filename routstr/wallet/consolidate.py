"""Consolidation: proofs of this wallet for other proofs of this wallet, at one mint (NUT-03).

::

    look              which proofs are worth renewing (``tidying``); none: nothing happens
      ▼
    OPEN              proofs reserved, counters, purpose's intent (the mint's fee is set aside from
      │               the node's own money) -- one transaction, before the swap
      │ swaps.run / swaps.resume
      ├ SIGNED  -> DONE    old proofs spent, new ones free, fee booked        -- one transaction
      ├ REFUSED -> FAILED  proofs free again, purpose undoes its intent
      ├ SPENT              our own proofs are gone at the mint: FAILED after a minute, as in send
      └ OPEN               stays; recovery asks the mint again

Nobody waits for it and nobody's balance changes. There is one at a time at a mint in a unit, so
that a mint which is in trouble holds few proofs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec
from sqlalchemy import Connection, select
from sqlmodel import col

from routstr.core.db import Tx
from routstr.money import Unit
from routstr.wallet import purse, sagas
from routstr.wallet.engine import Engine, Outcome
from routstr.wallet.keysets import Keyset
from routstr.wallet.mint import Mint
from routstr.wallet.mints import Mints
from routstr.wallet.models import (
    NOT_SPENT,
    DoubtedProof,
    KeysetRow,
    ProofRow,
    ProofStatus,
    SagaKind,
    SagaRow,
    SagaState,
)
from routstr.wallet.proofs import make_outputs
from routstr.wallet.sagas import Plan, Saga
from routstr.wallet.send import spendable
from routstr.wallet.swaps import Ending, Result, Swap, resume, run
from routstr.wallet.tidying import Stocked, Tidying, plan

_TRIES: Final = 2  # the keyset rotated since it was read


@dataclass(frozen=True, slots=True)
class Consolidation:
    """A place to tidy up: more than ``per_amount_max`` proofs of one amount are too many."""

    mint: str
    unit: Unit
    per_amount_max: int
    purpose: str


class _Taken(Exception):
    """A chosen proof was reserved by another request."""


class Consolidator:
    """Carries out consolidation sagas."""

    def __init__(self, engine: Engine, mints: Mints) -> None:
        self._engine = engine
        self._mints = mints

    async def consolidate(self, wish: Consolidation) -> Saga | None:
        """Renew what is most worth it; return the saga as it is then, None if there was nothing.

        Raises what the purpose's intent raises, or the mint's error when its keysets are not known.
        """
        mint = self._mints.mint(wish.mint)
        saga = None
        for attempt in range(_TRIES):
            keysets = await self._mints.keysets(mint, fresh=attempt > 0)
            target = await self._mints.active(mint, wish.unit)
            try:
                async with self._engine.choosing[mint.url, wish.unit]:
                    begun = await self._begin(wish, mint, keysets, target)
            except _Taken:  # by another instance: there is another time
                return None
            if begun is None:
                return saga
            outcome = await self._engine.run(begun, self.attempt, resumed=False)
            saga, result = outcome.saga, outcome.result
            if not isinstance(result, Result) or not result.keyset_outdated:
                return saga
        return saga

    async def attempt(self, saga: Saga, resumed: bool) -> Outcome:  # noqa: FBT001 - see Attempt
        """Swap, or find out what became of the swap, and write the outcome."""
        engine, plan_ = self._engine, saga.plan
        mint = self._mints.mint(saga.mint)
        keyset = await self._mints.keyset(mint, plan_.keyset)
        stored = await engine.db.read(lambda c: purse.reserved(c, saga.id))
        outputs = make_outputs(
            engine.seed, plan_.keyset, plan_.amounts, first_counter=plan_.first_counter
        )
        swap = Swap(mint, keyset, spendable(engine.seed, stored), outputs)
        result = await (resume(swap) if resumed else run(swap))
        lost = engine.has_lost(saga, result, resumed=resumed)
        if result.ending in (Ending.OPEN, Ending.SPENT) and not lost:
            return Outcome(saga, result)
        return await engine.db.write(lambda tx: self._end(tx, saga, result))

    async def _begin(
        self, wish: Consolidation, mint: Mint, keysets: Mapping[str, Keyset], target: Keyset
    ) -> Saga | None:
        now_ms = self._engine.clock.now_ms()
        stock, busy = await self._engine.db.read(
            lambda c: (free_proofs(c, mint.url, wish.unit), _is_busy(c, mint.url, wish.unit))
        )
        found = None
        if not busy:
            most = wish.per_amount_max
            found = plan(stock, keysets, target, per_amount_max=most, now_s=now_ms // 1000)
        if found is None:
            return None
        draft = self._draft(wish, mint, target, found, now_ms)
        return await self._engine.db.write(lambda tx: self._intend(tx, draft, list(found.ids)))

    def _draft(
        self, wish: Consolidation, mint: Mint, target: Keyset, found: Tidying, now_ms: int
    ) -> Saga:
        return Saga(
            id=0,
            kind=SagaKind.CONSOLIDATE,
            state=SagaState.OPEN,
            purpose=wish.purpose,
            account=None,
            mint=mint.url,
            unit=wish.unit,
            gross=found.gross,
            fee=found.fee,
            plan=Plan(keyset=target.id, first_counter=0, amounts=list(found.amounts)),
            context={},
            epoch=1,
            owner=self._engine.instance,
            created_at=now_ms,
        )

    def _intend(self, tx: Tx, draft: Saga, chosen: list[int]) -> Saga:
        first = purse.next_counters(tx, draft.plan.keyset, len(draft.plan.amounts))
        plan_ = msgspec.structs.replace(draft.plan, first_counter=first)
        draft = msgspec.structs.replace(draft, plan=plan_)
        saga = sagas.insert_saga(tx, self._engine.seal, draft)
        if not purse.reserve(tx, chosen, saga.id):
            raise _Taken
        self._engine.completion(saga).intended(tx, saga)
        return saga

    def _end(self, tx: Tx, saga: Saga, result: Result) -> Outcome:
        signed = result.ending is Ending.SIGNED
        state = SagaState.DONE if signed else SagaState.FAILED
        at = self._engine.clock.now_ms()
        sagas.end_saga(tx, saga, state, at=at)
        completion = self._engine.completion(saga)
        if signed:
            purse.move(tx, saga.id, ProofStatus.RESERVED, ProofStatus.SPENT)
            purse.add_proofs(tx, saga.mint, list(result.proofs), ProofStatus.UNSPENT, None)
            completion.done(tx, saga)
        else:
            if result.ending is Ending.SPENT:
                purse.give_up(tx, saga.id, at)
            else:
                purse.move(tx, saga.id, ProofStatus.RESERVED, ProofStatus.UNSPENT)
            completion.failed(tx, saga)
        return Outcome(msgspec.structs.replace(saga, state=state), result)


def free_proofs(connection: Connection, mint: str, unit: Unit) -> list[Stocked]:
    """List unspent proofs at a mint in one unit, with their keysets."""
    rows = connection.execute(
        select(
            col(ProofRow.id),
            col(ProofRow.amount),
            col(KeysetRow.input_fee_ppk),
            col(KeysetRow.keyset_id),
        )
        .join(KeysetRow, col(ProofRow.keyset) == col(KeysetRow.id))
        .where(
            col(KeysetRow.mint) == mint,
            col(KeysetRow.unit) == unit.value,
            NOT_SPENT,
            col(ProofRow.status) == int(ProofStatus.UNSPENT),
            col(ProofRow.id).not_in(select(col(DoubtedProof.proof))),
        )
    )
    return [Stocked(int(row[0] or 0), row[1], row[2], row[3]) for row in rows]


def _is_busy(connection: Connection, mint: str, unit: Unit) -> bool:
    """Whether a consolidation is under way here."""
    query = select(col(SagaRow.id)).where(
        col(SagaRow.state) == int(SagaState.OPEN),
        col(SagaRow.kind) == int(SagaKind.CONSOLIDATE),
        col(SagaRow.mint) == mint,
        col(SagaRow.unit) == unit.value,
    )
    return connection.execute(query.limit(1)).first() is not None
