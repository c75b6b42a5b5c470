"""Sums of transfers by kind."""

from pathlib import Path

from sqlalchemy import text

from routstr.core.db import Database, Tx
from routstr.ledger.flows import _NEW, Flow, Flows
from routstr.ledger.kinds import TransferKind
from routstr.money import Msat
from tests.unit.upstream.storing import database

_ACCOUNTS = (
    "INSERT INTO accounts"
    " (id, kind, overdraft, closed, posted, held, deposited, spent, requests, created_at)"
    " VALUES (:id, 25, 1, 0, 0, 0, 0, 0, 0, 0)"
)
_TRANSFER = (
    "INSERT INTO transfers (debit, credit, amount, kind, key, reference, created_at)"
    " VALUES (101, 102, :amount, :kind, randomblob(8), 0, 0)"
)


async def move(db: Database, *moves: tuple[TransferKind, int]) -> None:
    def write(tx: Tx) -> None:
        for kind, amount in moves:
            tx.sql.execute(text(_TRANSFER), {"kind": int(kind), "amount": amount})

    await db.write(write)


def open_accounts(tx: Tx) -> None:
    for account in (101, 102):
        tx.sql.execute(text(_ACCOUNTS), {"id": account})


async def test_every_kind_but_charges_is_added_up_and_nothing_twice(tmp_path: Path) -> None:
    async with database(tmp_path) as db:
        await db.write(open_accounts)
        flows = Flows(db)
        assert dict(await flows.read()) == {}
        await move(db, (TransferKind.DEPOSIT, 5), (TransferKind.CHARGE, 3))
        assert dict(await flows.read()) == {TransferKind.DEPOSIT: Flow(1, Msat(5))}
        await move(db, (TransferKind.DEPOSIT, 2), (TransferKind.REFUND, 4))
        expected = {
            TransferKind.DEPOSIT: Flow(2, Msat(7)),
            TransferKind.REFUND: Flow(1, Msat(4)),
        }
        assert dict(await flows.read()) == expected
        assert dict(await flows.read()) == expected
        assert dict(await Flows(db).read()) == expected


async def test_charges_are_not_even_looked_at(tmp_path: Path) -> None:
    async with database(tmp_path) as db:
        plan = await db.read(
            lambda c: str(
                c.execute(
                    text(f"EXPLAIN QUERY PLAN {_NEW}"), {"kind": 1, "after": 0, "upto": 9}
                ).all()
            )
        )
        assert "ix_transfers_kind" in plan
