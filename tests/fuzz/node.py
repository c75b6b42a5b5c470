"""A node without HTTP: everything of it that moves money, with a writer of its own."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Self

from routstr.auth import keys
from routstr.auth.children import Children
from routstr.auth.expiry import ExpiredKeys
from routstr.auth.invoices import SATS_MAX, Invoices
from routstr.auth.profile import Profiles
from routstr.auth.service import Authenticator, KeyCompletion, LateKeyCompletion
from routstr.core.clock import ManualClock
from routstr.core.db import open_backend
from routstr.core.node_key import NodeKey
from routstr.errors import NodeError, PaymentError
from routstr.ledger import instances
from routstr.ledger.entries import Held, HoldRequest, Placed, Refused, Settled, Settlement
from routstr.ledger.service import Ledger
from routstr.ledger.sweep import Sweeper
from routstr.money import Msat
from routstr.payment.consolidation import (
    CONSOLIDATION,
    ConsolidationCompletion,
    Consolidations,
)
from routstr.payment.deposits import (
    FOREIGN_CREATE,
    FOREIGN_TOPUP,
    LIGHTNING_CREATE,
    LIGHTNING_TOPUP,
    TOPUP,
    PaidCompletion,
    TopupCompletion,
)
from routstr.payment.donations import DONATION, DonationCompletion
from routstr.payment.foreign import ForeignTokens
from routstr.payment.foreign_books import PASSING, PassingCompletion
from routstr.payment.intake import Intake
from routstr.payment.lightning_refund import (
    LIGHTNING_REFUND,
    LightningRefundCompletion,
    LightningRefunds,
)
from routstr.payment.moving import MintSwaps, Rebalancing
from routstr.payment.moving_books import (
    SWAP_IN,
    SWAP_OUT,
    SwapInCompletion,
    SwapOutCompletion,
)
from routstr.payment.payout_books import (
    PAYOUT,
    WITHDRAW,
    PayoutCompletion,
    WithdrawCompletion,
)
from routstr.payment.payouts import Payouts
from routstr.payment.pricing import Quote
from routstr.payment.refund import Refunds
from routstr.payment.refund_books import REFUND, RefundCompletion
from routstr.payment.used_tokens import CREATE, PAYMENT
from routstr.payment.x_cashu import PaymentCompletion, XCashu
from routstr.proxy.till import Till
from routstr.wallet.mints import Mints
from routstr.wallet.service import Wallet
from tests.fuzz.backend import TroubledBackend, TroubledDatabase
from tests.fuzz.fate import Fate, Killed
from tests.fuzz.foreign_mint import ForeignMint
from tests.fuzz.lightning import Network, PlayedLnurl
from tests.fuzz.line import Line
from tests.fuzz.mint import TalliedMint

STALE_SECONDS: Final = 3_600.0
"""Instances are marked as silent by hand; none becomes so by the real time that a run takes."""
CHILD_MSAT: Final = 700
"""What a child key costs."""
_KEY: Final = NodeKey(bytes(range(32)))
_SEED: Final = bytes(reversed(range(64)))
_RECONNECT_SECONDS: Final = 0.15
_INVOICES_MAX: Final = 10_000
_PROOFS_MAX: Final = 4
_ASKS: Final = 2


@dataclass(frozen=True, slots=True)
class Ground:
    """What all nodes share."""

    url: str
    mints: Mapping[str, TalliedMint]
    network: Network
    clock: ManualClock

    @property
    def listed(self) -> tuple[str, ...]:
        """Mints that the nodes keep money at, the primary one first."""
        mints = self.mints.items()
        return tuple(url for url, mint in mints if not isinstance(mint, ForeignMint))

    @property
    def foreign(self) -> tuple[str, ...]:
        """Mints whose tokens may pay for ecash of the primary one."""
        return tuple(url for url in self.mints if url not in self.listed)


async def _at_once() -> None:
    """Deposits wait for nothing."""


class _NoDemand:
    """Who has not paid is not told what would: that asks mints, and moves nothing."""

    async def complete(self, error: PaymentError, quoted: Quote | None) -> None: ...


class Node:
    """One instance. ``fate`` is what befalls it.

    Whoever pays for a request holds, settles and releases here, so that it is known what it works
    on: ``live`` are holds that were told of and not asked to end.
    """

    def __init__(self, ground: Ground, db: TroubledDatabase, backend: TroubledBackend) -> None:
        self.db = db
        self.backend = backend
        self.fate: Fate = backend.fate
        self._ground = ground
        self.live: set[int] = set()

    @classmethod
    async def open(cls, ground: Ground) -> Self:
        """Start an instance."""
        backend = TroubledBackend(open_backend(ground.url), Fate())
        db = TroubledDatabase(ground.url, backend, reconnect_seconds=_RECONNECT_SECONDS)
        db.start()
        node = cls(ground, db, backend)
        await node._wire()
        return node

    async def _wire(self) -> None:
        ground, db, clock = self._ground, self.db, self._ground.clock
        self.instance = await db.write(instances.register)
        self._ledger = Ledger(db, clock, self.instance, await Ledger.open_books(db, clock))
        mints = Mints(ground.listed, self._connect, db, clock, foreign=ground.foreign)
        self.wallet = Wallet.build(
            db, clock, _KEY, _SEED, self.instance, mints, proofs_max=100, sat_max=1_000_000
        )
        register = self.wallet.register
        register(CREATE, KeyCompletion(clock))
        register(TOPUP, TopupCompletion(clock))
        register(LIGHTNING_CREATE, PaidCompletion(KeyCompletion(clock)))
        register(LIGHTNING_TOPUP, PaidCompletion(TopupCompletion(clock)))
        register(FOREIGN_CREATE, PaidCompletion(LateKeyCompletion(clock)))
        register(FOREIGN_TOPUP, PaidCompletion(TopupCompletion(clock)))
        register(PASSING, PassingCompletion(clock))
        register(REFUND, RefundCompletion(clock))
        register(LIGHTNING_REFUND, LightningRefundCompletion(clock))
        register(PAYOUT, PayoutCompletion(clock))
        register(WITHDRAW, WithdrawCompletion(clock))
        register(DONATION, DonationCompletion(clock))
        register(SWAP_OUT, SwapOutCompletion(clock))
        register(SWAP_IN, SwapInCompletion(clock))
        register(CONSOLIDATION, ConsolidationCompletion(clock))
        register(PAYMENT, PaymentCompletion(clock))
        self._foreign = ForeignTokens(db, self.wallet, clock, day_sat=SATS_MAX, asks=_ASKS)
        self.intake = intake = Intake(self.wallet, clock, foreign=self._foreign)
        self.auth = Authenticator(db, intake, _KEY, clock)
        self.children = Children(db, _KEY, clock, Msat(CHILD_MSAT))
        self.profiles = Profiles(db, _KEY, clock)
        self.refunds = Refunds(db, self.wallet, clock)
        self.x_cashu = XCashu(intake, self.wallet, self.refunds)
        lnurl = PlayedLnurl(ground.network)
        self.lightning = LightningRefunds(db, self.wallet, lnurl)
        self.expired = ExpiredKeys(db, self.lightning, clock)
        self.payouts = Payouts(db, self.wallet, lnurl, clock, minimum_sat=1, maximum_sat=SATS_MAX)
        self.moves = MintSwaps(db, self.wallet, clock, Rebalancing(0, 0))
        self.tidying = Consolidations(self.wallet, clock, per_amount_max=_PROOFS_MAX)
        self.invoices = Invoices(
            db, self.wallet, _KEY, clock, admitted=_at_once, open_max=_INVOICES_MAX
        )
        self.till = Till(self.auth, self.x_cashu, self, _NoDemand())
        self.sweeper = Sweeper(db, self._ledger, clock, self.instance, STALE_SECONDS)

    def _connect(self, url: str) -> Line:
        return Line(self._ground.mints[url], self.fate)

    def public_id(self, key: str) -> str:
        """What a key is called where it is not told."""
        return keys.identify(_KEY, key).public_id

    @property
    def owed(self) -> dict[int, int]:
        """Costs of holds that it could not settle and will settle later."""
        kept = self._ledger._unsettled.values()
        return {settlement.hold: int(settlement.cost) for settlement in kept}

    async def hold(self, request: HoldRequest) -> Held | Refused:
        answer = await self._ledger.hold(request)
        if isinstance(answer, Held):
            self.live.add(answer.hold)
        return answer

    async def settle(self, settlement: Settlement) -> Settled:
        self.live.discard(settlement.hold)
        return await self._ledger.settle(settlement)

    async def release(self, hold: int, placed: Placed | None = None) -> Settled:
        self.live.discard(hold)
        return await self._ledger.release(hold, placed)

    async def recover(self) -> int:
        """Take up what nobody works on."""
        return await self.wallet.recover(await self.sweeper.alive())

    async def quiet(self) -> None:
        """Wait until nothing goes on in it any more."""
        running, asking = self.wallet._engine.running, self.wallet._minter._asking
        moving = self._foreign._moving
        while running or asking or moving:
            await asyncio.wait([*running.values(), *asking.values(), *moving.values()])
        if not self.fate.dead:
            self.backend.answers_again()

    async def flush(self) -> None:
        """Wait for writes that nobody waits for: of holds that were abandoned."""
        for _ in range(2):
            with suppress(Killed, NodeError):  # what is armed for a commit may happen to this one
                await self.db.write(lambda _: None)

    async def bury(self) -> None:
        """Drop what is left of a dead node: none of its connections takes anything any more."""
        assert self.fate.dead
        await self.quiet()
        await self.db.stop()
