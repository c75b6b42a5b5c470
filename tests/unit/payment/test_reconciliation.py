"""A wallet held against its mints, with the books."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import text

from routstr.core.clock import ManualClock
from routstr.core.db import Tx
from routstr.errors import RedemptionPending
from routstr.ledger.accounts import open_account
from routstr.ledger.entries import AccountKind
from routstr.money import ZERO, Unit
from routstr.payment.audit import audit
from routstr.payment.claims import Claims
from routstr.payment.deposits import TOPUP, TopupCompletion
from routstr.payment.reconciliation import Reconciliation
from routstr.payment.refund_books import REFUND, RefundCompletion
from routstr.wallet.engine import LOST_MS
from routstr.wallet.mint_errors import MintDown
from routstr.wallet.mint_types import ProofState
from routstr.wallet.receive import Deposit
from routstr.wallet.reconcile import DOUBT_MS
from routstr.wallet.send import Withdrawal
from routstr.wallet.token import Token, decode
from tests.unit.wallet.played_mint import PlayedMint
from tests.unit.wallet.signing import Signer
from tests.unit.wallet.world import World, open_world

INTERVAL_S = 300.0


@dataclass
class Bell:
    """Takes notes of alarms."""

    rung: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    def raised(self, name: str, **facts: object) -> None:
        self.rung.append((name, facts))

    def cleared(self, name: str, **facts: object) -> None:
        raise AssertionError(name, facts)


class Bank:
    """A wallet with books and one customer."""

    def __init__(self, world: World, clock: ManualClock) -> None:
        self.world = world
        self.clock = clock
        self.bell = Bell()
        self.account = 0
        self.begin()

    def begin(self) -> None:
        """A new process."""
        world, clock = self.world, self.clock
        self.wallet = world.another_house().wallet
        self.wallet.register(TOPUP, TopupCompletion(clock))
        self.wallet.register(REFUND, RefundCompletion(clock))
        claims = Claims(world.db, self.wallet, clock)
        self.reconciliation = Reconciliation(world.db, clock, self.wallet, self.bell, claims.look)
        self.wallet.mints.guard(self.reconciliation.counters.before_use)

    async def open(self) -> None:
        self.account = await self.world.db.write(lambda tx: open_account(tx, AccountKind.KEY, 1))

    async def deposit(self, token: Token) -> None:
        await self.wallet.receive(Deposit(token, TOPUP, self.account, {}, ZERO))

    async def refund(self, sat: int) -> Token:
        wish = Withdrawal(self.world.mint.url, Unit.SAT, sat, REFUND, self.account, {})
        return decode((await self.wallet.send(wish))[1])

    async def spend(self, *amounts: int) -> None:
        """Somebody else has spent our unspent proofs of these amounts."""
        rows = await self.world.db.read(
            lambda c: c.execute(text("SELECT y, amount FROM proofs WHERE status = 0")).all()
        )
        for y, amount in rows:
            if amount in amounts:
                self.world.mint.states[bytes(y)] = ProofState.SPENT

    async def books(self) -> dict[str, int]:
        """What the node's accounts have, in sat, once they are verified."""
        outcome = await self.world.db.read(audit)
        assert outcome.holds, [check for check in outcome.checks if not check.holds]
        return await self.accounts()

    async def accounts(self) -> dict[str, int]:
        query = text("SELECT coalesce(name, 'key'), posted FROM accounts WHERE posted <> 0")
        rows = await self.world.db.read(lambda c: c.execute(query).all())
        return {row[0].partition(":")[0]: row[1] // 1_000 for row in rows}

    async def rounds(self, seconds: float = INTERVAL_S, count: int = 2) -> None:
        for _ in range(count):
            await self.reconciliation.run(INTERVAL_S)
            self.clock.advance(seconds=seconds)

    async def save(self) -> dict[str, list[tuple[object, ...]]]:
        """A backup of everything."""

        def read(tx: Tx) -> dict[str, list[tuple[object, ...]]]:
            tables = tx.sql.execute(
                text("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sq%'")
            ).scalars()
            return {
                table: [tuple(row) for row in tx.sql.execute(text(f"SELECT * FROM {table}"))]
                for table in tables.all()
            }

        return await self.world.db.write(read)

    async def put_back(self, backup: dict[str, list[tuple[object, ...]]]) -> None:
        """The node stops, the database is replaced, the node starts."""

        def write(tx: Tx) -> None:
            tx.sql.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
            for name in ("transfers_no_delete", "transfers_no_update"):
                tx.sql.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")
            for table, rows in backup.items():
                if table == "write_marks":
                    continue
                tx.sql.exec_driver_sql(f"DELETE FROM {table}")
                for row in rows:
                    marks = ",".join("?" * len(row))
                    tx.sql.exec_driver_sql(f"INSERT INTO {table} VALUES ({marks})", row)

        await self.world.db.write(write)
        self.begin()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def bank(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Bank]:
    async with open_world(tmp_path, PlayedMint(), clock=clock) as world:
        bank = Bank(world, clock)
        await bank.open()
        yield bank


async def verified(bank: Bank) -> dict[str, int]:
    """The books, but for the triggers that putting a backup back took away."""
    outcome = await bank.world.db.read(audit)
    wrong = [check for check in outcome.checks if not check.holds and "trig" not in check.name]
    assert wrong == []
    return await bank.accounts()


async def test_everything_well_is_no_news(bank: Bank) -> None:
    await bank.deposit(bank.world.mint.token(4, 8))
    await bank.rounds(count=3)
    assert bank.bell.rung == []
    assert await bank.books() == {"asset": -12, "key": 12}


async def test_a_loss_is_booked_once_and_told(bank: Bank) -> None:
    await bank.deposit(bank.world.mint.token(4, 8))
    await bank.spend(8)
    await bank.rounds(count=5)
    ((name, facts),) = bank.bell.rung
    assert name == "ecash_lost"
    assert (facts["amount"], facts["unit"], facts["proofs"]) == (8, "sat", 1)
    assert await bank.accounts() == {"asset": -4, "key": 12, "loss": -8}


async def test_a_refund_whose_ecash_somebody_else_has_spent_is_balance_again(bank: Bank) -> None:
    """Its end is proven, its owner pays nothing for it, and the loss is booked and told."""
    await bank.deposit(bank.world.mint.token(8))
    await bank.spend(8)
    with pytest.raises(RedemptionPending):
        await bank.refund(3)
    assert await bank.wallet.recover(frozenset()) == 1
    assert await bank.books() == {"asset": -8, "key": 5, "unclaimed": 3}
    bank.clock.advance(ms=LOST_MS)
    assert await bank.wallet.recover(frozenset()) == 1
    assert await bank.books() == {"asset": -8, "key": 8}
    assert await bank.wallet.recover(frozenset()) == 0
    await bank.reconciliation.run(0)
    assert bank.bell.rung == [], "it may be a mistake of the mint's"
    bank.clock.advance(ms=DOUBT_MS)
    await bank.reconciliation.run(0)
    assert [name for name, _ in bank.bell.rung] == ["ecash_lost"]
    assert await bank.accounts() == {"key": 8, "loss": -8}


async def test_a_token_that_was_redeemed_is_booked_as_claimed(bank: Bank) -> None:
    await bank.deposit(bank.world.mint.token(4, 8))
    bank.world.mint.spend(await bank.refund(8))
    assert (await bank.books())["unclaimed"] == 8
    await bank.rounds()
    assert bank.bell.rung == []
    assert await bank.books() == {"asset": -4, "key": 4}


async def test_a_mint_that_is_away_is_asked_later_and_stops_nothing(bank: Bank) -> None:
    await bank.deposit(bank.world.mint.token(4))
    await bank.spend(4)
    bank.world.mint.broken["check_state"] = MintDown("gone")
    await bank.rounds()
    bank.world.mint.broken.clear()
    await bank.rounds(count=3)
    assert [name for name, _ in bank.bell.rung] == ["ecash_lost"]


async def test_with_an_interval_of_zero_only_doubts_are_decided(bank: Bank) -> None:
    await bank.deposit(bank.world.mint.token(4))
    await bank.spend(4)
    for _ in range(3):
        assert (await bank.reconciliation.run(0)).asked == 0
        bank.clock.advance(seconds=INTERVAL_S)


class TestAnOldBackup:
    async def test_what_came_since_is_found_and_owed(self, bank: Bank) -> None:
        await bank.deposit(bank.world.mint.token(4, 8))
        backup = await bank.save()
        await bank.deposit(bank.world.mint.token(16))
        await bank.put_back(backup)
        assert await verified(bank) == {"asset": -12, "key": 12}

        await bank.deposit(bank.world.mint.token(32))
        ((name, facts),) = bank.bell.rung
        assert name == "database_older_than_mint"
        assert (facts["counter"], facts["signed_upto"], facts["found_msat"]) == (2, 3, 16_000)
        assert await verified(bank) == {"asset": -60, "key": 44, "recovered": 16}

    async def test_what_went_since_is_not_given_again(self, bank: Bank) -> None:
        """It is set against what came; only the rest is a loss."""
        await bank.deposit(bank.world.mint.token(4, 8))
        backup = await bank.save()
        await bank.deposit(bank.world.mint.token(32))
        for sat in (8, 3):  # one as it is, one with change
            bank.world.mint.spend(await bank.refund(sat))
        await bank.put_back(backup)

        await bank.deposit(bank.world.mint.token(64))
        token = await bank.refund(64)
        ours = {proof.amount for proof in token.proofs}
        states = await bank.world.mint.check_state([proof.y() for proof in token.proofs])
        assert (ours, set(states)) == ({64}, {ProofState.UNSPENT})
        assert (await verified(bank))["recovered"] == 33

        bank.clock.advance(ms=DOUBT_MS)
        await bank.rounds(count=1)
        assert [name for name, _ in bank.bell.rung] == ["database_older_than_mint", "ecash_lost"]
        after = await verified(bank)
        assert after == {"asset": -97, "key": 12, "unclaimed": 64, "recovered": 21}

    async def test_refunds_after_it_are_good(self, bank: Bank) -> None:
        await bank.deposit(bank.world.mint.token(4, 8, 16))
        backup = await bank.save()
        await bank.deposit(bank.world.mint.token(32, 64))
        bank.world.mint.spend(await bank.refund(20))
        await bank.put_back(backup)

        token = await bank.refund(28)
        assert token.amount == 28
        states = await bank.world.mint.check_state([proof.y() for proof in token.proofs])
        assert set(states) == {ProofState.UNSPENT}

    async def test_what_lies_in_a_keyset_that_was_rotated_since_is_found_in_time(
        self, bank: Bank
    ) -> None:
        await bank.deposit(bank.world.mint.token(4))
        backup = await bank.save()
        await bank.deposit(bank.world.mint.token(16))
        bank.world.mint.rotate(Signer(fee=100))
        await bank.put_back(backup)
        await bank.deposit(bank.world.mint.token(8))
        assert bank.bell.rung == []
        await bank.rounds()
        assert [name for name, _ in bank.bell.rung] == ["database_older_than_mint"]
        assert (await verified(bank))["recovered"] == 16

    async def test_a_second_start_finds_nothing_more(self, bank: Bank) -> None:
        await bank.deposit(bank.world.mint.token(4))
        backup = await bank.save()
        await bank.deposit(bank.world.mint.token(16))
        await bank.put_back(backup)
        for _ in range(2):
            await bank.deposit(bank.world.mint.token(1))
            bank.begin()
        assert len(bank.bell.rung) == 1
        assert await verified(bank) == {"asset": -22, "key": 6, "recovered": 16}
