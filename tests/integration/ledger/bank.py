"""A ledger on a real database: instances that write to it, customers with money, and the proof."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, Self

from sqlalchemy import Connection, text

from routstr.core.clock import ManualClock
from routstr.core.db import Backend, Database, Tx
from routstr.core.db.retries import Retried
from routstr.core.db.writer import RECONNECT_SECONDS_MAX
from routstr.ledger import accounts, instances, key_limits, verify
from routstr.ledger.accounts import Entry
from routstr.ledger.entries import AccountKind, HoldRequest, KeyMark, Settlement, TransferKind
from routstr.ledger.limits import Reset
from routstr.ledger.service import Ledger
from routstr.ledger.sweep import Sweeper
from routstr.money import Msat

ASSET: Final = accounts.asset_name("https://mint.example", "sat")
STALE_SECONDS: Final = 30.0


class Branch(NamedTuple):
    """One instance of the node."""

    db: Database
    ledger: Ledger
    id: int
    sweeper: Sweeper


class Bank:
    """Everything on one database. ``clock`` is that of all instances."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.clock = ManualClock()
        self.branches: list[Branch] = []
        self._deposits = 0

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        for branch in self.branches:
            await branch.db.stop()

    @property
    def db(self) -> Database:
        return self.branches[0].db

    @property
    def ledger(self) -> Ledger:
        return self.branches[0].ledger

    async def open(
        self,
        backend: Backend | None = None,
        *,
        reconnect_seconds: float = RECONNECT_SECONDS_MAX,
        url: str = "",
        retried: Retried = lambda _why: None,
    ) -> Branch:
        """Start one more instance, with its own writer; ``url``: it gets there another way."""
        db = Database(
            url or self.url, backend, reconnect_seconds=reconnect_seconds, retried=retried
        )
        db.start()
        instance = await db.write(instances.register)
        node = await Ledger.open_books(db, self.clock, instance)
        ledger = Ledger(db, self.clock, instance, node)
        sweeper = Sweeper(db, ledger, self.clock, instance, STALE_SECONDS)
        branch = Branch(db, ledger, instance, sweeper)
        self.branches.append(branch)
        return branch

    async def customer(self, amount: int = 0) -> int:
        """A new key's account with money in it."""
        account = await self.db.write(
            lambda tx: accounts.open_account(tx, AccountKind.KEY, self.clock.now_ms())
        )
        if amount:
            await self.deposit(account, amount)
        return account

    async def limit(
        self, account: int, cap: int | None = None, reset: Reset = Reset.NEVER
    ) -> KeyMark:
        """A limit on an account: the mark of the key that has it."""
        amount = None if cap is None else Msat(cap)
        at = self.clock.now_ms()
        opened = await self.db.write(
            lambda tx: key_limits.open_limit(tx, account, amount, reset, at)
        )
        return KeyMark(0, opened)

    async def deposit(self, account: int, amount: int) -> None:
        self._deposits += 1
        number = self._deposits
        await self.db.write(lambda tx: accounts.post(tx, self.entry(tx, account, amount, number)))

    def entry(self, tx: Tx, account: int, amount: int, number: int) -> Entry:
        """The deposit of that number."""
        at = self.clock.now_ms()
        return Entry(
            debit=accounts.named_account(tx, AccountKind.ASSET, ASSET, at),
            credit=account,
            amount=Msat(amount),
            kind=TransferKind.DEPOSIT,
            key=b"R" + number.to_bytes(8, "big"),
            reference=number,
            at=at,
        )

    async def row(self, query: str, **values: object) -> Mapping[str, Any]:
        """The only row that this finds."""
        return await self.db.read(lambda c: row(c, query, **values))

    async def rows(self, query: str, **values: object) -> list[tuple[Any, ...]]:
        return await self.db.read(lambda c: [tuple(r) for r in c.execute(text(query), values)])

    async def account(self, account: int) -> Mapping[str, Any]:
        return await self.row("SELECT * FROM accounts WHERE id = :id", id=account)

    async def hold_row(self, hold: int) -> Mapping[str, Any]:
        return await self.row("SELECT * FROM holds WHERE id = :id", id=hold)

    async def prove(self) -> None:
        """Every equation of the ledger holds, and each customer's balance after each transfer."""
        assert await self.broken() == []
        customers = {row[0] for row in await self.rows("SELECT id FROM accounts WHERE kind < 3")}
        balances: Counter[int] = Counter()
        for debit, credit, amount, after in await self.rows(
            "SELECT debit, credit, amount, balance_after FROM transfers ORDER BY id"
        ):
            balances[debit] -= amount
            balances[credit] += amount
            told = [balances[account] for account in (debit, credit) if account in customers]
            assert after == (told[0] if told else None)

    async def broken(self) -> list[str]:
        """Names of the checks that do not hold."""
        return await self.db.read(broken)


def row(connection: Connection, query: str, **values: object) -> Mapping[str, Any]:
    return dict(connection.execute(text(query), values).mappings().one())


def broken(connection: Connection) -> list[str]:
    booked = -connection.execute(
        text("SELECT coalesce(sum(posted), 0) FROM accounts WHERE kind = 10")
    ).scalar_one()
    checks = [
        *verify.check_books(connection),
        *verify.check_assets(connection, {ASSET: int(booked)} if booked else {}),
    ]
    return [check.name for check in checks if not check.holds]


def request(
    account: int,
    wanted: int,
    *,
    minimum: int | None = None,
    closes: bool = False,
    mark: KeyMark | None = None,
) -> HoldRequest:
    return HoldRequest(
        account=account,
        minimum=Msat(wanted if minimum is None else minimum),
        wanted=Msat(wanted),
        request_id="0b9d8b3e-5a2f-4b6a-9c1d-000000000000",
        model="a/model",
        endpoint="chat/completions",
        price_version=7,
        rates="p=1;c=4",
        closes=closes,
        mark=mark,
    )


def settlement(hold: int, cost: int) -> Settlement:
    return Settlement(hold, Msat(cost), 12, 34, estimated=True)
