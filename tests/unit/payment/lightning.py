"""Refunds over Lightning and payouts on a real database, played mints and a played address."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from devkit.invoices import make_invoice
from routstr.errors import LightningAddressRefused
from routstr.ledger import books
from routstr.ledger.accounts import open_account
from routstr.ledger.entries import AccountKind, Held, HoldRequest, Settlement, TransferKind
from routstr.ledger.service import Ledger
from routstr.money import MSAT_PER_SAT, ZERO, Msat, Unit
from routstr.payment.audit import audit
from routstr.payment.deposits import TOPUP, TopupCompletion
from routstr.payment.lightning_refund import (
    LIGHTNING_REFUND,
    LightningRefund,
    LightningRefundCompletion,
    LightningRefunds,
)
from routstr.payment.lnurl import Lnurl, PayOffer, pay_url
from routstr.payment.payout_books import (
    PAYOUT,
    WITHDRAW,
    PayoutCompletion,
    WithdrawCompletion,
)
from routstr.payment.payouts import Payouts
from routstr.payment.refund import Refunds
from routstr.payment.refund_books import REFUND, RefundCompletion
from routstr.wallet.receive import Deposit
from routstr.wallet.sagas import leaving_of
from tests.unit.wallet.paying_mint import PayingMint
from tests.unit.wallet.world import House, World, open_world

FIRST, SECOND = "https://mint.example", "https://second.example"
BOB = "bob@example.com"


class PlayedAddress(Lnurl):
    """Takes from ``least`` to ``most`` msat; ``asked`` are the sat it made invoices for."""

    def __init__(self) -> None:
        self.least, self.most = 1_000, 10**12
        self.asked: list[int] = []
        self.contacts = 0
        self.refuses = False

    def check(self, address: str) -> None:
        pay_url(address)

    async def offer(self, address: str) -> PayOffer:
        self.contacts += 1
        if self.refuses or "@" not in address:
            raise LightningAddressRefused
        return PayOffer("https://example.com/pay", Msat(self.least), Msat(self.most), b"")

    async def invoice(self, offer: PayOffer, sats: int) -> str:
        assert offer.least.sats_up <= sats <= offer.most.sats_down
        self.asked.append(sats)
        return make_invoice(sats * MSAT_PER_SAT)


class Desk:
    """An instance that pays out."""

    def __init__(self, world: World, house: House, ledger: Ledger, bob: PlayedAddress) -> None:
        self.world, self.house, self.ledger, self.bob = world, house, ledger, bob
        wallet, clock = house.wallet, world.clock
        wallet.register(TOPUP, TopupCompletion(clock))
        wallet.register(REFUND, RefundCompletion(clock))
        wallet.register(LIGHTNING_REFUND, LightningRefundCompletion(clock))
        wallet.register(PAYOUT, PayoutCompletion(clock))
        wallet.register(WITHDRAW, WithdrawCompletion(clock))
        self.refunds = LightningRefunds(world.db, wallet, bob)
        self.tokens = Refunds(world.db, wallet, clock)
        self.payouts = Payouts(world.db, wallet, bob, clock, minimum_sat=100, maximum_sat=1_000)

    def mint(self, url: str = FIRST) -> PayingMint:
        played = self.world.played[url]
        assert isinstance(played, PayingMint)
        return played

    async def account(self, *amounts: int, mint: str = FIRST, unit: str = "sat") -> int:
        owner = await self.world.db.write(lambda tx: open_account(tx, AccountKind.KEY, 5))
        if amounts:
            await self.deposit(owner, *amounts, mint=mint, unit=unit)
        return owner

    async def deposit(
        self, owner: int, *amounts: int, mint: str = FIRST, unit: str = "sat"
    ) -> None:
        played = self.world.played[mint]
        signer = next(one for one in played.signers.values() if one.info.unit == unit)
        given = played.token(*amounts, signer=signer)
        await self.house.wallet.receive(Deposit(given, TOPUP, owner, {}, ZERO))

    async def hold(self, owner: int, sats: int) -> int:
        amount = Msat(sats * MSAT_PER_SAT)
        held = await self.ledger.hold(HoldRequest(owner, amount, amount, "r", "m", "e", 1, ""))
        assert isinstance(held, Held)
        return held.hold

    async def earn(self, owner: int, sats: int) -> None:
        """Let an account spend: what it pays is the node's."""
        hold = await self.hold(owner, sats)
        cost = Msat(sats * MSAT_PER_SAT)
        await self.ledger.settle(Settlement(hold, cost, 1, 1, estimated=False))

    async def refund(
        self,
        owner: int,
        address: str = BOB,
        *,
        mint: str = FIRST,
        unit: Unit = Unit.SAT,
        rest: bool = False,
    ) -> LightningRefund:
        return await self.refunds.pay(owner, mint, unit, address, rest=rest)

    async def available(self, owner: int) -> int:
        """In msat."""
        return int((await self.world.db.read(lambda c: books.balance(c, owner))).available)

    async def leaving(self, owner: int) -> int:
        """In msat."""
        return int(await self.world.db.read(lambda c: leaving_of(c, owner)))

    async def moved(self, owner: int) -> list[tuple[TransferKind, int]]:
        found = await self.world.db.read(lambda c: books.history(c, owner, limit=99, before=None))
        return [(one.kind, int(one.amount)) for one in reversed(found)]

    async def booked(self, kind: AccountKind) -> int:
        """What is on the node's accounts of a kind, in msat."""
        query = "SELECT coalesce(sum(posted), 0) FROM accounts WHERE kind = :kind"
        return int(await self.world.scalar(query, kind=int(kind)))


@asynccontextmanager
async def open_desk(folder: Path, *mints: PayingMint, checked: bool = True) -> AsyncIterator[Desk]:
    """Every equation holds in the end, whatever happened; unless a test books by itself."""
    async with open_world(folder, *(mints or (PayingMint(),))) as world:
        node = await Ledger.open_books(world.db, world.clock)
        ledger = Ledger(world.db, world.clock, 1, node)
        yield Desk(world, world.house, ledger, PlayedAddress())
        if checked:
            outcome = await world.db.read(audit)
            assert outcome.holds, outcome.checks


async def another_desk(desk: Desk) -> Desk:
    """A second instance on the same database."""
    return Desk(desk.world, desk.world.another_house(), desk.ledger, desk.bob)
