"""Opening accounts and posting: exactly once, never below zero, by whichever instance."""

import asyncio
from dataclasses import replace
from functools import partial

import pytest
from sqlalchemy.exc import IntegrityError

from routstr.core.db import Tx
from routstr.errors import InsufficientBalance
from routstr.ledger import accounts
from routstr.ledger.accounts import Entry
from routstr.ledger.entries import (
    CUSTOMERS,
    NEVER_NEGATIVE,
    AccountKind,
    NodeAccounts,
    TransferKind,
)
from routstr.ledger.service import Ledger
from routstr.money import Msat
from tests.integration.ledger.bank import ASSET, Bank, request


def node_account(tx: Tx, kind: AccountKind) -> int:
    return accounts.named_account(tx, kind, kind.name.lower(), 0)


async def move(bank: Bank, debit: int, credit: int, amount: int, key: bytes = b"key") -> bool:
    entry = Entry(debit, credit, Msat(amount), TransferKind.REFUND, key, 1, bank.clock.now_ms())
    return await bank.db.write(lambda tx: accounts.post(tx, entry))


async def named(bank: Bank, kind: AccountKind) -> int:
    return await bank.db.write(lambda tx: node_account(tx, kind))


async def test_the_nodes_own_accounts_are_opened_once_per_database(bank: Bank) -> None:
    again = await Ledger.open_books(bank.db, bank.clock)
    assert again == bank.ledger.node == NodeAccounts(again.revenue, again.loss)
    kinds = await bank.rows("SELECT kind, name, overdraft FROM accounts ORDER BY id")
    assert len(kinds) == len({kind for kind, _, _ in kinds}) == 10
    for kind, name, overdraft in kinds:
        assert name == AccountKind(kind).name.lower()
        assert bool(overdraft) is (kind not in NEVER_NEGATIVE)


async def test_two_instances_open_the_books_of_a_new_database_together(url: str) -> None:
    one, other = Bank(url), Bank(url)
    await asyncio.gather(one.open(), other.open())
    assert one.ledger.node.loss == other.ledger.node.loss
    twice = "SELECT name FROM accounts GROUP BY name HAVING count(*) > 1"
    assert await one.rows(twice) == []
    # who came second may have seen the first, and have a revenue account of its own then
    [(accounts,)] = await one.rows("SELECT count(*) FROM accounts")
    assert accounts == 10 + (one.ledger.node != other.ledger.node)
    await one.__aexit__()
    await other.__aexit__()


async def test_a_named_account_is_opened_by_both_writers_and_exists_once(bank: Bank) -> None:
    other = await bank.open()
    names = [f"asset:sat:https://mint-{n}.example" for n in range(20)]
    opened = await asyncio.gather(
        *(
            db.write(partial(accounts.named_account, kind=AccountKind.ASSET, name=name, at=1))
            for name in names
            for db in (bank.db, other.db)
        )
    )
    assert opened[0::2] == opened[1::2]
    assert len(set(opened)) == 20


async def test_a_customers_account_starts_empty_and_never_overdraws(bank: Bank) -> None:
    for kind in (AccountKind.KEY, AccountKind.PAYMENT):
        account = await bank.db.write(partial(accounts.open_account, kind=kind, at=17))
        row = await bank.account(account)
        assert (row["kind"], row["name"], row["overdraft"], row["closed"]) == (kind, None, 0, 0)
        totals = ("posted", "held", "deposited", "spent", "requests")
        assert [row[total] for total in totals] == [0] * 5
        assert (row["created_at"], row["last_used_at"]) == (17, None)


async def test_a_deposit_is_credited_counted_and_remembered(bank: Bank) -> None:
    account = await bank.customer(1_000)
    await bank.deposit(account, 500)
    row = await bank.account(account)
    assert (row["posted"], row["deposited"]) == (1_500, 1_500)
    transfers = await bank.rows(
        "SELECT credit, amount, kind, reference, balance_after, created_at FROM transfers"
    )
    now = bank.clock.now_ms()
    assert transfers == [(account, 1_000, 1, 1, 1_000, now), (account, 500, 1, 2, 1_500, now)]


async def test_only_what_was_paid_in_counts_as_deposited(bank: Bank) -> None:
    account = await bank.customer(1_000)
    unclaimed = await named(bank, AccountKind.UNCLAIMED)
    await move(bank, account, unclaimed, 400, b"out")
    assert await move(bank, unclaimed, account, 400, b"undone")
    row = await bank.account(account)
    assert (row["posted"], row["deposited"]) == (1_000, 1_000)
    afters = await bank.rows("SELECT balance_after FROM transfers ORDER BY id")
    assert afters == [(1_000,), (600,), (1_000,)]


async def test_a_second_post_with_the_same_key_does_nothing_and_says_so(bank: Bank) -> None:
    account = await bank.customer(1_000)
    unclaimed = await named(bank, AccountKind.UNCLAIMED)
    assert await move(bank, account, unclaimed, 100)
    assert not await move(bank, account, unclaimed, 100)
    assert (await bank.account(account))["posted"] == 900
    assert await bank.db.write(lambda tx: accounts.is_posted(tx, b"key"))
    assert not await bank.db.write(lambda tx: accounts.is_posted(tx, b"another"))


async def test_the_same_key_posted_by_both_writers_moves_once_and_nobody_fails(bank: Bank) -> None:
    other = await bank.open()
    account = await bank.customer()
    first = await bank.db.write(lambda tx: bank.entry(tx, account, 10, 1_000))
    entries = [replace(first, key=b"%d" % n, reference=1_000 + n) for n in range(25)]
    posted = await asyncio.gather(
        *(
            branch.db.write(partial(accounts.post, entry=entry))
            for entry in entries
            for branch in (bank.branches[0], other)
            for _ in range(2)
        )
    )
    assert sum(posted) == 25
    assert (await bank.account(account))["posted"] == 250


async def test_what_the_node_owes_never_goes_below_zero(bank: Bank) -> None:
    capital = await named(bank, AccountKind.CAPITAL)
    for kind in NEVER_NEGATIVE:
        poor = await bank.customer(10) if kind in CUSTOMERS else await named(bank, kind)
        with pytest.raises(InsufficientBalance):
            await move(bank, poor, capital, 11)
    assert await bank.rows("SELECT count(*) FROM transfers WHERE key = :key", key=b"key") == [(0,)]


async def test_money_that_is_held_cannot_leave(bank: Bank) -> None:
    account = await bank.customer(1_000)
    unclaimed = await named(bank, AccountKind.UNCLAIMED)
    await bank.ledger.hold(request(account, 600))
    with pytest.raises(InsufficientBalance):
        await move(bank, account, unclaimed, 401)
    assert await move(bank, account, unclaimed, 400)


async def test_too_little_money_leaves_nothing_behind_even_when_the_caller_goes_on(
    bank: Bank,
) -> None:
    """The customer is credited first: nothing of that may stay."""
    account = await bank.customer(10)

    def careless(tx: Tx) -> None:
        source = node_account(tx, AccountKind.UNCLAIMED)
        entry = Entry(source, account, Msat(5), TransferKind.REFUND_UNDONE, b"key", 1, 1)
        with pytest.raises(InsufficientBalance):
            accounts.post(tx, entry)

    await bank.db.write(careless)
    assert (await bank.account(account))["posted"] == 10


async def test_the_nodes_own_money_may_go_below_zero(bank: Bank) -> None:
    capital, loss = await named(bank, AccountKind.CAPITAL), await named(bank, AccountKind.LOSS)
    assert await move(bank, capital, loss, 50)
    assert (await bank.account(capital))["posted"] == -50
    assert await bank.rows("SELECT balance_after FROM transfers") == [(None,)]


async def test_only_something_can_be_moved(bank: Bank) -> None:
    account = await bank.customer(10)
    capital = await named(bank, AccountKind.CAPITAL)
    for amount in (0, -1):
        with pytest.raises(IntegrityError):
            await move(bank, capital, account, amount)
    assert (await bank.account(account))["posted"] == 10


async def test_nobody_pays_himself(bank: Bank) -> None:
    account = await bank.customer(10)
    with pytest.raises(IntegrityError):
        await move(bank, account, account, 5)


async def test_an_account_that_does_not_exist_is_a_mistake(bank: Bank) -> None:
    account = await bank.customer(10)
    with pytest.raises(KeyError):
        await move(bank, account, 10_000, 5)
    assert (await bank.account(account))["posted"] == 10


def test_assets_are_named_by_unit_and_mint() -> None:
    assert ASSET == "asset:sat:https://mint.example"
