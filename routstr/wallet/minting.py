"""Minting: new ecash for an invoice that somebody has paid (NUT-04, 20, 23).

::

    quote UNPAID      ordered (see ordering); asked about until it is paid
      │ the mint says PAID
      ▼
    OPEN              quote PAID with this saga, counters, purpose's intent -- one transaction,
      │                                                                        before the call
      │ issuing.run / issuing.resume
      ├ SIGNED  -> DONE    proofs stored, quote ISSUED, purpose's ledger transfers -- one
      │                                                                       transaction
      ├ REFUSED -> FAILED  quote UNPAID again; another saga tries, with a keyset that is active
      └ OPEN               stays: the money has come; recovery asks the mint again

A quote has one saga at a time, which the database decides: however many ask, and wherever, it is
credited once. A payment is never refused here: it has happened.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import msgspec

from routstr.core.db import Tx
from routstr.core.logging import get_logger
from routstr.errors import MintRefused
from routstr.wallet import issuing, purse, quote_keys, quotes, sagas
from routstr.wallet.amounts import CannotSplit, split
from routstr.wallet.engine import Engine, Outcome
from routstr.wallet.issuing import Issue
from routstr.wallet.mint import Mint
from routstr.wallet.mint_errors import MintBusy, MintCode, MintDown, MintRefusal, MintUnclear
from routstr.wallet.mint_types import MintQuoteState
from routstr.wallet.mints import Mints, as_wallet_error
from routstr.wallet.models import ProofStatus, QuoteState, SagaKind, SagaState
from routstr.wallet.ordering import Beside, Order, order_quote
from routstr.wallet.proofs import make_outputs
from routstr.wallet.quotes import Quote
from routstr.wallet.sagas import LeaseLost, Plan, Saga
from routstr.wallet.swaps import Ending, Result

_log = get_logger(__name__)

_TRIES: Final = 3  # a keyset rotated meanwhile


class _Taken(Exception):
    """Somebody else's saga takes the ecash."""


class Minter:
    """Orders invoices, asks about them, and carries out mint sagas."""

    def __init__(self, engine: Engine, mints: Mints) -> None:
        self._engine = engine
        self._mints = mints
        self._asking: dict[int, asyncio.Task[Quote]] = {}
        self.unpaid: Callable[[Quote], None] = lambda _: None
        """Told of each quote that was found unpaid, or is new."""

    @property
    def asking(self) -> int:
        """How many quotes are being asked about right now."""
        return len(self._asking)

    async def request(self, order: Order, beside: Beside | None = None) -> Quote:
        """Let a mint make an invoice, and store it; see :func:`ordering.order_quote`."""
        quote = await order_quote(self._engine, self._mints, order, beside)
        self.unpaid(quote)
        return quote

    async def load(self, quote_id: int) -> Quote:
        """Read a quote as it was left."""
        return await self._engine.db.read(lambda c: quotes.load(c, self._engine.seal, quote_id))

    async def check(self, quote_id: int) -> Quote:
        """Ask the mint how far a quote is and, if it is paid, take its ecash; return it as it is.

        All who ask at the same time get one answer, and nobody asks more often than each second.
        Raises the wallet's errors when the mint cannot be asked; an ISSUED quote asks nobody.
        """
        return await asyncio.shield(self.start(quote_id))

    async def is_unpaid(self, quote_id: int) -> bool:
        """Ask the mint, whoever has asked just now; what is paid is taken as by :meth:`check`.

        Raises the wallet's errors when the mint cannot be asked.
        """
        quote = await self.load(quote_id)
        try:
            told = await self._mints.mint(quote.mint).mint_quote_state(quote.mint_id)
        except (MintBusy, MintDown, MintUnclear, MintRefusal) as error:
            raise as_wallet_error(error) from error
        if told.state is not MintQuoteState.UNPAID:
            await self.check(quote_id)
            return False
        return True

    def start(self, quote_id: int, *, listened: bool | None = None) -> "asyncio.Task[Quote]":
        """Begin to :meth:`check`. ``listened`` is given by who asks in turn: see ``pause_s``."""
        task = self._asking.get(quote_id)
        if task is None:
            task = asyncio.create_task(self._check(quote_id, listened))
            self._asking[quote_id] = task
            task.add_done_callback(lambda done: self._forget(quote_id, done))
        return task

    async def stop(self) -> None:
        """Stop asking. Sagas that run already are not touched."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def attempt(self, saga: Saga, resumed: bool) -> Outcome:  # noqa: FBT001 - see Attempt
        """Take the ecash, or find out what became of it, and write the outcome."""
        engine, plan = self._engine, saga.plan
        mint = self._mints.mint(saga.mint)
        keyset = await self._mints.keyset(mint, plan.keyset)
        quote = await engine.db.read(lambda c: quotes.of_saga(c, engine.seal, saga.id))
        outputs = make_outputs(
            engine.seed, plan.keyset, plan.amounts, first_counter=plan.first_counter
        )
        signatures: tuple[str, ...] = ("",)
        if quote.lock_index is not None:
            signatures = quote_keys.signatures(
                engine.seed, quote.lock_index, quote.mint_id, outputs
            )
        issue = Issue(mint, keyset, quote.mint_id, outputs, signatures)
        result = await (issuing.resume(issue) if resumed else issuing.run(issue))
        if result.ending is Ending.OPEN:
            return Outcome(saga, result)
        return await engine.db.write(lambda tx: self._end(tx, saga, result))

    async def _check(self, quote_id: int, listened: bool | None) -> Quote:  # noqa: FBT001
        quote = await self.load(quote_id)
        if quote.saga is not None and quote.saga in self._engine.running:
            return await self._joined(quote, quote.saga)
        if quote.state not in {QuoteState.UNPAID, QuoteState.EXPIRED}:
            return quote
        mint = self._mints.mint(quote.mint)
        if not await self._may_ask(quote, listened):
            return quote
        try:
            told = await mint.mint_quote_state(quote.mint_id)
        except (MintBusy, MintDown, MintUnclear, MintRefusal) as error:
            raise as_wallet_error(error) from error
        if told.state is MintQuoteState.PAID:
            return await self._take(quote, mint)
        return await self._not_paid(quote, told.state)

    async def _may_ask(self, quote: Quote, listened: bool | None) -> bool:  # noqa: FBT001
        now = self._engine.clock.now_ms()
        poll_at = None
        if listened is not None:
            poll_at = now + 1000 * quotes.pause_s(quote, now, listened=listened)
        return await self._engine.db.write(
            lambda tx: quotes.claim_question(tx, quote.id, now, poll_at=poll_at)
        )

    async def _not_paid(self, quote: Quote, state: MintQuoteState) -> Quote:
        closed: QuoteState | None = None
        if state is MintQuoteState.ISSUED:
            closed = QuoteState.LOST
            _log.error("mint_quote_lost", quote=quote.id, mint=quote.mint, purpose=quote.purpose)
        elif quotes.is_over(quote, self._engine.clock.now_ms()):
            closed = QuoteState.EXPIRED
        if closed is None or closed is quote.state:
            self.unpaid(quote)
            return quote
        await self._engine.db.write(lambda tx: quotes.close(tx, quote.id, closed))
        return await self.load(quote.id)

    async def _take(self, quote: Quote, mint: Mint) -> Quote:
        for attempt in range(_TRIES):
            keyset = await self._mints.active(mint, quote.unit, fresh=attempt > 0)
            try:
                amounts = split(quote.amount, keyset.keys)
            except CannotSplit as error:
                raise MintRefused(f"The mint's keyset cannot hold this: {error}.") from error
            plan = Plan(keyset=keyset.id, first_counter=0, amounts=amounts, quote=quote.mint_id)
            try:
                saga = await self._intend(quote, plan)
            except _Taken:
                break
            outcome = await self._engine.run(saga, self.attempt, resumed=False)
            if not _needs_other_outputs(outcome.result):
                break
        return await self.load(quote.id)

    async def _joined(self, quote: Quote, saga_id: int) -> Quote:
        with suppress(LeaseLost):  # another instance finishes it
            await self._engine.run(await self._engine.load(saga_id), self.attempt, resumed=True)
        return await self.load(quote.id)

    async def _intend(self, quote: Quote, plan: Plan) -> Saga:
        at = self._engine.clock.now_ms()

        def intend(tx: Tx) -> Saga:
            first = purse.next_counters(tx, plan.keyset, len(plan.amounts))
            whole = msgspec.structs.replace(plan, first_counter=first)
            draft = self._saga(quote, whole, at)
            saga = sagas.insert_saga(tx, self._engine.seal, draft)
            if not quotes.begin(tx, quote.id, saga.id, at):
                raise _Taken
            self._engine.completion(saga).intended(tx, saga)
            return saga

        return await self._engine.db.write(intend)

    def _saga(self, quote: Quote, plan: Plan, at: int) -> Saga:
        return Saga(
            id=0,
            kind=SagaKind.MINT,
            state=SagaState.OPEN,
            purpose=quote.purpose,
            account=quote.account,
            mint=quote.mint,
            unit=quote.unit,
            gross=quote.amount,
            fee=0,
            plan=plan,
            context=quote.context,
            epoch=1,
            owner=self._engine.instance,
            created_at=at,
        )

    def _end(self, tx: Tx, saga: Saga, result: Result) -> Outcome:
        state = SagaState.DONE if result.ending is Ending.SIGNED else SagaState.FAILED
        sagas.end_saga(tx, saga, state, at=self._engine.clock.now_ms())
        completion = self._engine.completion(saga)
        account = saga.account
        if state is SagaState.DONE:
            purse.add_proofs(tx, saga.mint, list(result.proofs), ProofStatus.UNSPENT, None)
            quotes.issued(tx, saga.id)
            account = completion.done(tx, saga)
            sagas.name_account(tx, saga, account)
        else:
            quotes.give_back(tx, saga.id)
            completion.failed(tx, saga)
        return Outcome(msgspec.structs.replace(saga, state=state, account=account), result)

    def _forget(self, quote_id: int, task: "asyncio.Task[Quote]") -> None:
        self._asking.pop(quote_id, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.info("mint_quote_not_asked", quote=quote_id, reason=str(error))


def _needs_other_outputs(result: Result | None) -> bool:
    if result is None or result.ending is not Ending.REFUSED:
        return False
    return isinstance(result.error, MintRefusal) and result.error.code != MintCode.QUOTE_UNPAID
