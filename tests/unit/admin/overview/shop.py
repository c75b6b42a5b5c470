"""Books with two days of requests, and everything that tells of them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from routstr.admin.overview.desk import OverviewDesk
from routstr.admin.overview.statistics import Statistics
from routstr.core.access_log import AccessRecord
from routstr.core.clock import ManualClock
from routstr.core.db import Database, Tx
from routstr.core.traffic import Traffic
from routstr.core.traffic_store import TrafficStore
from routstr.ledger import accounts
from routstr.ledger.accounts import Entry
from routstr.ledger.entries import AccountKind, Held, HoldRequest, Settlement, TransferKind
from routstr.ledger.service import Ledger
from routstr.ledger.usage import HOUR
from routstr.ledger.usage_fold import UsageFold
from routstr.money import Msat
from routstr.payment.alert_board import AlertBoard
from routstr.payment.maintenance import Maintenance
from tests.unit.upstream.storing import database

_ASKED = HoldRequest(0, Msat(0), Msat(9_000), "r", "m", "/v1/x", 1, "r1")


def _customer(tx: Tx) -> int:
    """An account with 50 sat, which the operator gave."""
    account = accounts.open_account(tx, AccountKind.KEY, 1)
    capital = accounts.named_account(tx, AccountKind.CAPITAL, "capital", 1)
    gift = Entry(capital, account, Msat(50_000), TransferKind.CAPITAL, b"X", 1, 1)
    assert accounts.post(tx, gift)
    return account


@dataclass
class Shop:
    """``sell`` is one request."""

    db: Database
    clock: ManualClock
    ledger: Ledger
    traffic: TrafficStore
    account: int
    desk: OverviewDesk

    @property
    def statistics(self) -> Statistics:
        return self.desk.statistics

    async def sell(self, model: str, provider: str, msat: int) -> None:
        asked = replace(_ASKED, account=self.account, model=model)
        held = await self.ledger.hold(asked)
        assert isinstance(held, Held)
        end = Settlement(held.hold, Msat(msat), 10, 5, estimated=False)
        await self.ledger.settle(replace(end, provider=provider, own_cost=msat // 2))
        self.count(200)

    def count(self, status: int, code: str | None = None) -> None:
        self.traffic.counters.count(
            AccessRecord("r", "/v1/x", status, 100, error=code, first_byte_ms=50)
        )


@asynccontextmanager
async def shop(folder: Path) -> AsyncIterator[Shop]:
    """Yesterday 1,000 msat were earned, and today 600 and 30; one request failed."""
    async with database(folder) as db:
        clock = ManualClock()
        ledger = Ledger(db, clock, 1, await Ledger.open_books(db, clock))
        traffic = TrafficStore(db, clock, Traffic())
        board = AlertBoard(db, clock, {"mint_down"})
        desk = OverviewDesk(
            db,
            clock,
            Statistics(db, clock, traffic),
            board,
            Maintenance(db, clock),
            lambda: False,
        )
        made = Shop(db, clock, ledger, traffic, await db.write(_customer), desk)
        await made.sell("old", "p", 1_000)
        await traffic.flush()
        await UsageFold(db).run()
        clock.advance(ms=24 * HOUR)
        await made.sell("new", "p", 600)
        await made.sell("old", "q", 30)
        made.count(402, "insufficient_balance")
        yield made
