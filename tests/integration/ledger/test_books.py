"""Balances and histories as their owners see them."""

import pytest
from sqlalchemy import Connection, event
from sqlalchemy.exc import NoResultFound

from routstr.ledger import accounts, books
from routstr.ledger.accounts import Entry
from routstr.ledger.books import Balance, Movement
from routstr.ledger.entries import AccountKind, Held, TransferKind
from routstr.money import Msat
from tests.integration.ledger.bank import Bank, request, settlement


async def charge(bank: Bank, account: int, cost: int) -> int:
    held = await bank.ledger.hold(request(account, 100))
    assert isinstance(held, Held)
    await bank.ledger.settle(settlement(held.hold, cost))
    return held.hold


async def history(
    bank: Bank, account: int, *, limit: int = 50, before: int | None = None
) -> list[Movement]:
    return await bank.db.read(lambda c: books.history(c, account, limit=limit, before=before))


async def test_a_balance_tells_what_is_there_reserved_and_went_through(bank: Bank) -> None:
    account = await bank.customer(1_000)
    opened = bank.clock.now_ms()
    bank.clock.advance(seconds=1)
    await charge(bank, account, 60)
    await bank.ledger.hold(request(account, 300))
    found = await bank.db.read(lambda c: books.balance(c, account))
    assert found == Balance(
        Msat(940), Msat(300), Msat(1_000), Msat(60), 1, opened, bank.clock.now_ms()
    )
    assert found.available == Msat(640)


async def test_an_account_nobody_used_says_so(bank: Bank) -> None:
    account = await bank.customer()
    found = await bank.db.read(lambda c: books.balance(c, account))
    assert (found.total, found.last_used_at) == (Msat(0), None)
    assert await history(bank, account) == []


async def test_an_account_that_does_not_exist_is_a_mistake(bank: Bank) -> None:
    with pytest.raises(NoResultFound):
        await bank.db.read(lambda c: books.balance(c, 10_000))


async def test_a_history_names_each_movement_newest_first(bank: Bank) -> None:
    account = await bank.customer(1_000)
    bank.clock.advance(seconds=1)
    hold = await charge(bank, account, 60)

    def refund(number: int, amount: int) -> Entry:
        return Entry(
            account, unclaimed, Msat(amount), TransferKind.REFUND, b"S%d" % number, number, 1
        )

    unclaimed = await bank.db.write(
        lambda tx: accounts.named_account(tx, AccountKind.UNCLAIMED, "unclaimed", 1)
    )
    await bank.db.write(lambda tx: accounts.post(tx, refund(hold, 40)))  # a saga, no hold
    refunded, charged, paid_in = await history(bank, account)
    assert refunded == Movement(
        refunded.id, TransferKind.REFUND, Msat(-40), Msat(900), 1, hold, None, None, None, 0, 0
    )
    assert charged == Movement(
        charged.id,
        TransferKind.CHARGE,
        Msat(-60),
        Msat(940),
        bank.clock.now_ms(),
        hold,
        "0b9d8b3e-5a2f-4b6a-9c1d-000000000000",
        "a/model",
        "chat/completions",
        12,
        34,
    )
    assert paid_in.kind is TransferKind.DEPOSIT
    assert (paid_in.amount, paid_in.balance_after) == (Msat(1_000), Msat(1_000))
    assert paid_in.request_id is None


async def test_a_history_is_one_chain_of_balances_without_others(bank: Bank) -> None:
    one, other = await bank.customer(1_000), await bank.customer(5_000)
    for n in range(12):
        await charge(bank, one, n)
        await charge(bank, other, 1)
        if n % 4 == 0:
            await bank.deposit(one, 10 * n + 1)
    movements = await history(bank, one)
    assert len(movements) == 1 + 11 + 3  # the free request moved nothing
    balance = 0
    for movement in reversed(movements):
        balance += int(movement.amount)
        assert movement.balance_after == Msat(balance)
    assert balance == (await bank.account(one))["posted"]


async def test_pages_put_together_are_the_whole(bank: Bank) -> None:
    account = await bank.customer(1_000)
    for n in range(6):
        await charge(bank, account, 5)
        await bank.deposit(account, n + 1)
    whole = await history(bank, account)
    assert len(whole) == 13
    for size in (1, 2, 3, 7, 12, 13, 50):
        pages: list[Movement] = []
        before = None
        while page := await history(bank, account, limit=size, before=before):
            assert len(page) <= size
            pages += page
            before = page[-1].id
        assert pages == whole


async def test_a_page_has_a_limit(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(books, "PAGE_MAX", 3)
    account = await bank.customer(1_000)
    for _ in range(5):
        await charge(bank, account, 5)
    assert len(await history(bank, account, limit=1_000)) == 3


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_a_page_is_found_by_indexes_alone(bank: Bank) -> None:
    account = await bank.customer(1_000)

    def plan(connection: Connection) -> str:
        asked: list[tuple[str, object]] = []
        event.listen(
            connection,
            "before_cursor_execute",
            lambda _c, _cursor, statement, parameters, *_: asked.append((statement, parameters)),
        )
        books.history(connection, account, limit=50, before=1_000)
        statement, parameters = asked[0]
        raw = connection.connection.driver_connection
        assert raw is not None
        rows = raw.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
        return "\n".join(row[3] for row in rows)

    found = await bank.db.read(plan)
    assert "ix_transfers_debit (debit=? AND id<?)" in found
    assert "ix_transfers_credit (credit=? AND id<?)" in found
    assert "SCAN transfers" not in found
    assert "SCAN holds" not in found
