"""A wallet on a real database (SQLite, migrated) and on played mints.

``async with open_world(folder) as world``: ``world.house`` is an instance of the node as far as the
wallet is concerned; ``world.another_house()`` is a second process on the same database. Mints whose
URLs are in ``foreign`` are not listed.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from sqlalchemy import text

from routstr.core.clock import Clock, SystemClock
from routstr.core.db import Database, Tx, migrate
from routstr.core.node_key import NodeKey
from routstr.money import ZERO, Msat, Unit
from routstr.wallet import sagas
from routstr.wallet.engine import LOST_MS, Engine
from routstr.wallet.mints import Mints
from routstr.wallet.models import ProofStatus, SagaKind, SagaState
from routstr.wallet.purse import sums
from routstr.wallet.receive import Deposit, Receiver
from routstr.wallet.sagas import Plan, Saga
from routstr.wallet.send import Sender, Withdrawal
from routstr.wallet.service import Wallet
from routstr.wallet.token import Token
from tests.unit.wallet.played_mint import PlayedMint

PURPOSE = "test"
ACCOUNT = 41
KEY = NodeKey(bytes(range(32)))
SEED = bytes(reversed(range(64)))

_PLAN = Plan(keyset="00aa", first_counter=7, amounts=[1, 2], give=1, token="cashuAsecretsecret")
DRAFT = Saga(
    id=0,
    kind=SagaKind.RECEIVE,
    state=SagaState.OPEN,
    purpose="topup",
    account=3,
    mint="https://mint.example",
    unit=Unit.SAT,
    gross=11,
    fee=1,
    plan=_PLAN,
    context={"note": "ünï", "n": 1},
    epoch=1,
    owner=1,
    created_at=1_700_000_000_000,
)
"""An open saga, not stored yet."""


@dataclass
class Till:
    """Takes notes of sagas; raises ``refusal`` at intents and ``failure`` at outcomes."""

    intended_: list[Saga] = field(default_factory=list)
    done_: list[Saga] = field(default_factory=list)
    failed_: list[Saga] = field(default_factory=list)
    refusal: Exception | None = None
    failure: Exception | None = None

    def intended(self, _tx: Tx, saga: Saga) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.intended_.append(saga)

    def done(self, _tx: Tx, saga: Saga) -> int:
        if self.failure is not None:
            raise self.failure
        self.done_.append(saga)
        return saga.account or ACCOUNT

    def failed(self, _tx: Tx, saga: Saga) -> None:
        self.failed_.append(saga)

    @property
    def story(self) -> tuple[int, int, int]:
        """How many were intended, done and failed."""
        return len(self.intended_), len(self.done_), len(self.failed_)


class House:
    """The wallet's parts in one process."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        played: Mapping[str, PlayedMint],
        instance: int,
        foreign: tuple[str, ...] = (),
    ) -> None:
        self.instance = instance
        self.engine = Engine(db, clock, KEY, SEED, instance)
        listed = tuple(url for url in played if url not in foreign)
        self.mints = Mints(listed, lambda url: played[url], db, clock, foreign=foreign)
        self.receiver = Receiver(self.engine, self.mints, proofs_max=100, sat_max=1_000_000)
        self.sender = Sender(self.engine, self.mints)
        self.wallet = Wallet(self.engine, self.mints, self.receiver, self.sender)
        self.till = Till()
        self.wallet.register(PURPOSE, self.till)

    async def receive(self, token: Token, *, minimum: Msat = ZERO) -> Saga:
        return await self.receiver.receive(deposit(token, minimum=minimum))

    async def send(self, gross: int, *, mint: str = "", unit: Unit = Unit.SAT) -> tuple[Saga, str]:
        wish = Withdrawal(mint or self.mints.urls[0], unit, gross, PURPOSE, ACCOUNT, {})
        return await self.sender.send(wish)


def deposit(token: Token, *, minimum: Msat = ZERO, purpose: str = PURPOSE) -> Deposit:
    return Deposit(token, purpose, ACCOUNT, {"note": 1}, minimum)


@dataclass
class World:
    """One database and its mints, the first of which is ``mint``."""

    folder: Path
    db: Database
    clock: Clock
    played: dict[str, PlayedMint]
    house: House
    foreign: tuple[str, ...] = ()

    @property
    def mint(self) -> PlayedMint:
        return next(iter(self.played.values()))

    def another_house(self, instance: int = 2) -> House:
        return House(self.db, self.clock, self.played, instance, self.foreign)

    def written(self) -> bytes:
        """Everything that is in the database's files."""
        return b"".join(file.read_bytes() for file in self.folder.glob("routstr.db*"))

    async def scalar(self, query: str, **values: Any) -> Any:
        return await self.db.read(lambda c: c.execute(text(query), values).scalar())

    async def states(self) -> list[SagaState]:
        rows = await self.db.read(
            lambda c: c.execute(text("SELECT state FROM sagas ORDER BY id")).all()
        )
        return [SagaState(row[0]) for row in rows]

    async def purse(self) -> dict[ProofStatus, int]:
        """Amounts at the first mint that are not spent, by status; units are not told apart."""
        found: dict[ProofStatus, int] = {}
        for mint, _, status, amount in await self.db.read(sums):
            if mint == self.mint.url:
                found[status] = found.get(status, 0) + amount
        return found


async def insert(world: World, **changes: Any) -> Saga:
    """Store an open saga."""
    draft = msgspec.structs.replace(DRAFT, **changes)
    return await world.db.write(lambda tx: sagas.insert_saga(tx, KEY, draft))


async def grow_old(world: World) -> None:
    """Let all sagas be so old that nothing of them is under way any more."""
    query = text("UPDATE sagas SET created_at = created_at - :age")
    await world.db.write(lambda tx: tx.sql.execute(query, {"age": LOST_MS}))


@asynccontextmanager
async def open_world(
    folder: Path, *mints: PlayedMint, clock: Clock | None = None, foreign: tuple[str, ...] = ()
) -> AsyncIterator[World]:
    (folder / "routstr.db").write_bytes(_migrated())
    db = Database(f"sqlite:///{folder / 'routstr.db'}")
    db.start()
    played = {mint.url: mint for mint in mints or (PlayedMint(),)}
    clock = clock or SystemClock()
    try:
        yield World(folder, db, clock, played, House(db, clock, played, 1, foreign), foreign)
    finally:
        await db.stop()


@cache
def _migrated() -> bytes:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "routstr.db"
        migrate.upgrade(f"sqlite:///{file}")
        return file.read_bytes()
