"""SQLite's statements: few texts, no row forgotten."""

import sqlite3
from collections.abc import Sequence
from functools import partial

import pytest

from routstr.core.db import Tx
from routstr.ledger import batch_sqlite
from routstr.ledger.entries import AccountRow, HoldRow
from tests.integration.ledger.bank import Bank, request

Loaded = tuple[list[HoldRow], list[AccountRow], Sequence[int]]
pytestmark = pytest.mark.parametrize("url", ["sqlite"], indirect=True)


def _load(tx: Tx, *, many: list[int], count: int) -> Loaded:
    return batch_sqlite.load(tx.raw, [], many, count)


async def test_ids_go_on_after_the_highest(bank: Bank) -> None:
    account = await bank.customer(1_000)
    for _ in range(3):
        await bank.ledger.hold(request(account, 10))
    ids = await bank.db.write(lambda tx: batch_sqlite.new_hold_ids(tx.raw, 2))
    assert list(ids) == [4, 5]


async def test_more_rows_than_a_statement_takes_are_loaded(bank: Bank) -> None:
    account = await bank.customer(1_000)
    many = [account, *range(5_000, 5_300)]
    for count in (0, 2):
        _, found, ids = await bank.db.write(partial(_load, many=many, count=count))
        assert [row.id for row in found] == [account]
        assert isinstance(found[0].closed, bool)
        assert list(ids) == [1, 2][:count]
    _, found, ids = await bank.db.write(lambda tx: batch_sqlite.load(tx.raw, [], [7_000], 1))
    assert (found, list(ids)) == ([], [1])


async def test_holds_bring_their_accounts_and_others_are_read_once(bank: Bank) -> None:
    account, other = await bank.customer(1_000), await bank.customer(2_000)
    held = [await bank.ledger.hold(request(account, 10)) for _ in range(3)]
    ends = sorted(getattr(one, "hold") for one in held)  # noqa: B009

    def load(tx: Tx, named: list[int], count: int) -> Loaded:
        return batch_sqlite.load(batch_sqlite.speaker(tx.raw), ends, named, count)

    holds, accounts, ids = await bank.db.write(lambda tx: load(tx, [account, other], 2))
    assert [(hold.id, hold.account, hold.amount) for hold in holds] == [
        (hold, account, 10) for hold in ends
    ]
    assert sorted((row.id, row.posted, row.held) for row in accounts) == [
        (account, 1_000, 30), (other, 2_000, 0),
    ]  # fmt: skip
    assert list(ids) == [ends[-1] + 1, ends[-1] + 2]
    assert all(isinstance(row.closed, bool) for row in accounts)
    _, accounts, ids = await bank.db.write(lambda tx: load(tx, [account], 0))
    assert ([row.id for row in accounts], list(ids)) == ([account], [])


async def test_a_charge_with_a_known_key_is_refused_by_the_table(bank: Bank) -> None:
    account = await bank.customer(1_000)

    def twice(tx: object) -> None:
        raw: sqlite3.Connection = getattr(tx, "raw")  # noqa: B009
        raw.execute(
            "INSERT INTO transfers (debit, credit, amount, kind, key, reference, created_at)"
            " SELECT debit, credit, amount, kind, key, reference, created_at FROM transfers"
        )

    with pytest.raises(sqlite3.IntegrityError, match=r"UNIQUE constraint failed: transfers\.key"):
        await bank.db.write(twice)
    assert (await bank.account(account))["posted"] == 1_000
