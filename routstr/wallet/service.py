"""The wallet as the rest of the node uses it."""

import asyncio
from collections.abc import Mapping, Sequence

from routstr.core.clock import Clock
from routstr.core.db import Database, Tx
from routstr.core.node_key import NodeKey
from routstr.wallet import purse
from routstr.wallet.consolidate import Consolidation, Consolidator
from routstr.wallet.counters import Counters, Keeper
from routstr.wallet.engine import Attempt, Engine, Outcome
from routstr.wallet.forwarding import Forward, Forwarder
from routstr.wallet.holdings import Holding, holdings
from routstr.wallet.melting import Melt, Melter
from routstr.wallet.minting import Minter
from routstr.wallet.mints import Mints
from routstr.wallet.models import ProofStatus, SagaKind, SagaState
from routstr.wallet.ordering import Beside, Order
from routstr.wallet.purse import Issued
from routstr.wallet.quote_watch import QuoteWatch
from routstr.wallet.quotes import Quote
from routstr.wallet.receive import Deposit, Receiver
from routstr.wallet.sagas import Completion, Saga
from routstr.wallet.send import Sender, Withdrawal


class Wallet:
    """Receives and sends tokens; each movement is a saga that survives crashes."""

    def __init__(self, engine: Engine, mints: Mints, receiver: Receiver, sender: Sender) -> None:
        self._engine = engine
        self._receiver = receiver
        self._sender = sender
        self._minter = Minter(engine, mints)
        self._melter = Melter(engine, mints)
        self._consolidator = Consolidator(engine, mints)
        self._forwarder = Forwarder(engine, mints, receiver.inspector)
        self._attempts: Mapping[SagaKind, Attempt] = {
            SagaKind.RECEIVE: receiver.attempt,
            SagaKind.SEND: sender.attempt,
            SagaKind.MINT: self._minter.attempt,
            SagaKind.MELT: self._melter.attempt,
            SagaKind.CONSOLIDATE: self._consolidator.attempt,
            SagaKind.FORWARD: self._forwarder.attempt,
        }
        self.mints = mints
        self.watch = QuoteWatch(self._minter, mints, engine.db, engine.clock)

    @classmethod
    def build(  # noqa: PLR0913 - the composition root's call
        cls,
        db: Database,
        clock: Clock,
        key: NodeKey,
        seed: bytes,
        instance: int,
        mints: Mints,
        *,
        proofs_max: int,
        sat_max: int,
    ) -> "Wallet":
        """Put the parts together."""
        engine = Engine(db, clock, key, seed, instance)
        receiver = Receiver(engine, mints, proofs_max=proofs_max, sat_max=sat_max)
        return cls(engine, mints, receiver, Sender(engine, mints))

    @property
    def seed(self) -> bytes:
        """What every secret of this wallet follows from (NUT-13)."""
        return self._engine.seed

    def counters(self, keeper: Keeper) -> Counters:
        """Make what keeps this wallet's counters ahead of the mints; see :class:`Counters`."""
        engine = self._engine
        return Counters(engine.db, engine.clock, engine.seal, engine.seed, keeper)

    def register(self, purpose: str, completion: Completion) -> None:
        """Name who books the sagas of a purpose."""
        self._engine.register(purpose, completion)

    async def receive(self, deposit: Deposit) -> Saga:
        """Redeem a token; see :meth:`Receiver.receive`."""
        return await self._receiver.receive(deposit)

    async def find(self, ys: tuple[bytes, ...]) -> Saga | None:
        """Return the saga that owns exactly these proofs; see :meth:`Receiver.find`."""
        return await self._receiver.find(ys)

    async def send(self, withdrawal: Withdrawal) -> tuple[Saga, str]:
        """Issue a token; see :meth:`Sender.send`."""
        return await self._sender.send(withdrawal)

    async def finish_send(self, saga_id: int) -> tuple[Saga, str] | None:
        """Wait for an open send saga; return it with its token, or None when it was undone."""
        saga = await self._sender.finish(saga_id)
        if saga.state is SagaState.FAILED:
            return None
        return saga, await self._sender.text(saga_id)

    async def melt(self, wish: Melt) -> Saga:
        """Pay a Lightning invoice; see :meth:`Melter.melt`."""
        return await self._melter.melt(wish)

    async def look_at_melt(self, saga_id: int) -> Saga:
        """Return a melt saga, asked about at its mint if it lies open; see :meth:`Melter.look`."""
        return await self._melter.look(saga_id)

    async def forward(self, wish: Forward) -> Saga | None:
        """Let a token pass on to a listed mint; see :meth:`Forwarder.forward`."""
        return await self._forwarder.forward(wish)

    async def finish_forward(self, saga_id: int) -> Saga:
        """Wait for an open forward saga; see :meth:`Forwarder.finish`."""
        return await self._forwarder.finish(saga_id)

    async def change_of(self, saga: Saga) -> str:
        """Return the token that a forward saga, done, left of the one given; "" when none."""
        return await self._sender.text(saga.id) if saga.plan.face != saga.spent else ""

    async def request_quote(self, order: Order, beside: Beside | None = None) -> Quote:
        """Order ecash: a mint's invoice that somebody shall pay; see :func:`order_quote`.

        It is watched from now on, and booked by its purpose once it is paid. ``beside`` is run in
        the transaction that stores it.
        """
        await self.mints.exposure.require_room(order.mint, order.unit.to_msat(order.amount))
        return await self._minter.request(order, beside)

    async def quote(self, quote_id: int) -> Quote:
        """Return a quote as it is known here; nobody is asked."""
        return await self._minter.load(quote_id)

    async def check_quote(self, quote_id: int) -> Quote:
        """Ask how far a quote is, and take its ecash if it is paid; see :meth:`Minter.check`."""
        return await self._minter.check(quote_id)

    async def is_unpaid(self, quote_id: int) -> bool:
        """Ask a mint once more about a quote; see :meth:`Minter.is_unpaid`."""
        return await self._minter.is_unpaid(quote_id)

    async def consolidate(self, wish: Consolidation) -> Saga | None:
        """Renew proofs that are many or old; see :meth:`Consolidator.consolidate`."""
        return await self._consolidator.consolidate(wish)

    async def token_text(self, issued: Issued) -> str:
        """Return a token that was given out."""
        return self._engine.seal.open("token", issued.token).decode()

    async def issued_to(self, account: int, limit: int) -> list[Issued]:
        """List tokens given out for an account, redeemed or not, newest first."""
        return await self._engine.db.read(lambda c: purse.issued_to(c, account, limit))

    async def issued_by(self, saga_id: int) -> Issued:
        """Return the token that a saga gave out."""
        return await self._engine.db.read(lambda c: purse.issued_by(c, saga_id))

    async def saga(self, saga_id: int) -> Saga:
        """Return a saga, whatever became of it."""
        return await self._engine.load(saga_id)

    async def is_claimed(self, issued: Issued) -> bool:
        """Ask the mint whether a token that was given out is redeemed."""
        return bool(await self._sender.claimed(issued.mint, [issued.saga]))

    async def claimed(self, mint: str, issuers: Sequence[int]) -> set[int]:
        """Ask a mint which tokens that these sagas gave out are redeemed; return their sagas."""
        return await self._sender.claimed(mint, issuers)

    async def unclaimed(self, before: int | None, limit: int) -> list[Issued]:
        """List tokens that are not known to be redeemed, newest first; ``before`` is a saga."""
        return await self._engine.db.read(lambda c: purse.unclaimed(c, before, limit))

    async def unclaimed_by(self, account: int, purpose: str, limit: int) -> list[Issued]:
        """List those of an account that sagas of a purpose gave out, newest first."""
        return await self._engine.db.read(lambda c: purse.unclaimed_by(c, account, purpose, limit))

    async def holdings(self) -> list[Holding]:
        """Add up the proofs per mint and unit."""
        return await self._engine.db.read(holdings)

    async def recover(self, alive: frozenset[int]) -> int:
        """Take up open sagas that nobody works on; return how many.

        ``alive`` are the instances whose heartbeat is fresh; this one counts for what it runs. A
        saga that cannot be resumed is logged and stops no other. One at a mint that is not listed
        any more is left to the operator, whose command could not take it from a living instance.
        """
        engine = self._engine
        abandoned: list[Saga] = []
        for saga_id, owner in await engine.open_sagas():
            if saga_id in engine.running:
                continue
            if owner == engine.instance:
                abandoned.append(await engine.load(saga_id))
            elif owner not in alive and self.mints.may_be_asked((await engine.load(saga_id)).mint):
                taken = await engine.take(saga_id, owner)
                abandoned += [] if taken is None else [taken]
        work = (engine.run(saga, self._attempts[saga.kind], resumed=True) for saga in abandoned)
        await asyncio.gather(*work, return_exceptions=True)  # the engine logs what fails
        return len(abandoned)

    async def resume(self, saga_id: int, alive: frozenset[int]) -> Outcome | None:
        """Find out now what became of an open saga, and end it if that can be known.

        None: another instance works on it. Raises the wallet's errors when the mint cannot be
        asked, :class:`UntrustedMint` when it must not be.
        """
        engine = self._engine
        saga = await engine.load(saga_id)
        if saga.owner != engine.instance:
            taken = None if saga.owner in alive else await engine.take(saga_id, saga.owner)
            if taken is None:
                return None
            saga = taken
        return await engine.run(saga, self._attempts[saga.kind], resumed=True)

    async def drain(self, timeout_seconds: float) -> None:
        """Give running sagas time to end before the node stops."""
        await self._minter.stop()
        await self._engine.drain(timeout_seconds)


def mark_claimed(tx: Tx, issued: Issued, at: int) -> bool:
    """Record that a token was redeemed: its proofs are no asset any more. False when known."""
    if not purse.mark_claimed(tx, issued.saga, at):
        return False
    purse.move(tx, issued.saga, ProofStatus.ISSUED, ProofStatus.SPENT)
    return True
