"""What follows from a verification: proofs, closed deposits, alarms, and the gate at the start."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from routstr.core.clock import ManualClock
from routstr.core.db import Database, migrate, sqlite
from routstr.errors import DatabaseUnavailable, DepositsClosed
from routstr.ledger import verdict
from routstr.ledger.verdict import Verdict
from routstr.payment import verifier as module
from routstr.payment.audit import audit as prove
from routstr.payment.verifier import Verifier
from tests.unit.payment.test_audit import fill

DAY_SECONDS = 86_400
BREAK = "UPDATE accounts SET posted = posted + 1 WHERE kind = 20"
MEND = "UPDATE accounts SET posted = posted - 1 WHERE kind = 20"


class Bell:
    """Remembers alarms."""

    def __init__(self) -> None:
        self.rung: list[tuple[str, Any]] = []

    def raised(self, name: str, **facts: object) -> None:
        self.rung.append((name, facts["check"]))

    def cleared(self, name: str, **facts: object) -> None:
        self.rung.append((f"{name} is over", facts["reason"]))


class Node:
    """A filled database and the verifier of one process on it."""

    def __init__(self, db: Database, file: Path) -> None:
        self.db = db
        self.file = file
        self.clock = ManualClock()
        self.bell = Bell()
        self.verifier = self.restart()

    def restart(self, full_seconds: float = DAY_SECONDS) -> Verifier:
        self.verifier = Verifier(self.db, self.clock, self.bell, full_seconds=full_seconds)
        return self.verifier

    def change(self, *statements: str) -> None:
        """Behind the node's back."""
        connection = sqlite3.connect(self.file)
        for statement in statements:
            connection.execute(statement)
        connection.commit()
        connection.close()

    async def known(self) -> Verdict:
        return await self.db.read(verdict.read)

    async def deposits(self) -> str:
        return await self.db.read(self.verifier.deposits)


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    file = tmp_path / "routstr.db"
    migrate.upgrade(f"sqlite:///{file}")
    engine = sqlite.engine(f"sqlite:///{file}", read_only=False)
    with engine.connect() as connection:
        fill(connection)
    engine.dispose()
    db = Database(f"sqlite:///{file}")
    db.start()
    yield Node(db, file)
    await db.stop()


async def test_the_first_run_proves_everything_and_later_ones_go_on_from_there(node: Node) -> None:
    first = await node.verifier.run()
    assert first.audit.holds
    assert first.audit.full
    known = await node.known()
    assert known.checkpoint is not None
    assert (known.checkpoint.transfers, known.checkpoint.count) == (8, 8)
    assert (known.checkpoint.sagas.upto, known.checkpoint.sagas.pending) == (6, (6,))
    assert not (await node.verifier.run()).audit.full
    assert await node.known() == known, "nothing new, nothing written"
    assert node.bell.rung == []


async def test_a_restart_goes_on_and_a_day_later_all_is_verified_again(node: Node) -> None:
    await node.verifier.run()
    node.clock.advance(seconds=DAY_SECONDS + 1)
    node.restart()
    assert not (await node.verifier.run()).audit.full, "a start does not wait for everything"
    assert (await node.verifier.run()).audit.full
    assert not (await node.verifier.run()).audit.full
    node.clock.advance(seconds=DAY_SECONDS + 1)
    node.restart(full_seconds=0)
    await node.verifier.run()
    assert not (await node.verifier.run()).audit.full, "only by hand"
    assert (await node.verifier.run(full=True)).audit.full


async def test_a_clock_that_was_set_back_does_not_put_the_full_run_off(node: Node) -> None:
    await node.verifier.run()
    node.clock.ms -= 3_600_000
    assert (await node.verifier.run()).audit.full


async def test_broken_books_close_deposits_and_ring_until_a_full_run_holds(node: Node) -> None:
    await node.verifier.run()
    node.change(BREAK)
    found = await node.verifier.run()
    assert not found.audit.full, "found without reading the past"
    assert not found.audit.holds
    assert not found.deposits_open
    names = ["postings sum to zero", "running balances equal the transfers"]
    assert node.bell.rung == [("books_broken", name) for name in names]
    reason = "; ".join(names)
    assert await node.deposits() == f"closed: {reason}"
    assert (await node.known()).closed_at == node.clock.now_ms()

    node.restart()
    assert (await node.verifier.run()).audit.full, "while closed, everything is looked at"
    node.change(MEND)
    assert not (await node.verifier.run(full=False)).deposits_open
    node.bell.rung.clear()
    assert (await node.verifier.run()).deposits_open
    assert node.bell.rung == [("books_broken is over", reason)]
    assert await node.deposits() == "open"
    assert (await node.known()).closed_at is None


async def test_a_past_that_was_changed_is_found_by_the_full_run_only(node: Node) -> None:
    await node.verifier.run()
    node.change(
        "DROP TRIGGER transfers_no_update",
        "UPDATE transfers SET amount = amount - 500, reference = 1 WHERE id = 1",
        "CREATE TRIGGER transfers_no_update BEFORE UPDATE ON transfers"
        " BEGIN SELECT RAISE(ABORT, 'transfers are append-only'); END",
    )
    assert (await node.verifier.run()).audit.holds
    broken = {c.name for c in (await node.verifier.run(full=True)).audit.checks if not c.holds}
    assert "what was verified before is unchanged" in broken
    assert (await node.deposits()).startswith("closed")


async def test_a_saga_of_before_that_ends_without_a_credit_is_found(node: Node) -> None:
    columns = "kind, purpose, account, mint, unit, gross, fee, plan, context, lease_owner"
    node.change(
        f"INSERT INTO sagas (id, state, lease_epoch, created_at, {columns})"
        f" SELECT 7, 0, 1, 1, {columns} FROM sagas WHERE id = 1"
    )
    await node.verifier.run()
    node.change("UPDATE sagas SET state = 1 WHERE id = 7")
    [wrong] = [c for c in (await node.verifier.run()).audit.checks if not c.holds]
    assert wrong.name == "every redeemed token and paid invoice was credited exactly once"
    assert wrong.problems == ("saga 7: 0 credits",)


async def test_deposits_wait_for_the_first_verification(node: Node) -> None:
    waiting = asyncio.create_task(node.verifier.admitted())
    await asyncio.sleep(0)
    assert not waiting.done()
    assert await node.deposits() == "waiting for the first verification"
    await node.verifier.run()
    await waiting
    await node.verifier.admitted()


async def test_deposits_do_not_wait_for_ever(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_SECONDS_MAX", 0.01)
    with pytest.raises(DepositsClosed, match="Nothing was redeemed") as refused:
        await node.verifier.admitted()
    assert refused.value.headers["Retry-After"] == "5"


async def test_where_deposits_are_closed_nobody_waits_to_hear_it(node: Node) -> None:
    """Each deposit looks that up itself, and a full verification takes its time."""
    await node.verifier.run()
    node.change(BREAK)
    await node.verifier.run()
    node.restart()
    running = asyncio.create_task(node.verifier.run())
    await node.verifier.admitted()
    assert not running.done()
    await running


async def test_what_cannot_be_verified_is_not_admitted(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(_: object) -> None:
        raise DatabaseUnavailable

    monkeypatch.setattr(node.db, "write", gone)
    with pytest.raises(DatabaseUnavailable):
        await node.verifier.run()
    assert await node.deposits() == "waiting for the first verification"


@pytest.mark.parametrize("fails", [False, True])
async def test_the_memory_that_verifying_took_is_given_back(
    node: Node, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    done: list[str] = []

    def audit(*given: Any) -> Any:
        done.append("verified")
        if fails:
            raise LookupError
        return prove(*given)

    monkeypatch.setattr(module, "audit", audit)
    monkeypatch.setattr(module, "trim", lambda: done.append("given back"))
    with pytest.raises(LookupError) if fails else nullcontext():
        await node.verifier.run(full=True)
    assert done == ["verified", "given back"]
