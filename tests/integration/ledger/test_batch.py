"""Holds and their ends on a real database: what is stored, for every size of a batch."""

import asyncio
import random

from routstr.core.db import Dialect
from routstr.ledger.entries import Held, HoldState, Refused, Settled
from routstr.money import Msat
from tests.integration.ledger.bank import Bank, request, settlement


async def held(bank: Bank, account: int, amount: int) -> int:
    answer = await bank.ledger.hold(request(account, amount))
    assert isinstance(answer, Held)
    return answer.hold


async def test_a_hold_is_stored_with_all_that_is_needed_to_settle_it(bank: Bank) -> None:
    account = await bank.customer(1_000)
    answer = await bank.ledger.hold(request(account, 300))
    assert isinstance(answer, Held)
    assert answer == Held(answer.hold, Msat(300), Msat(700))
    assert await bank.hold_row(answer.hold) == {
        "id": answer.hold,
        "account": account,
        "amount": 300,
        "state": HoldState.OPEN,
        "charged": 0,
        "uncollected": 0,
        "owner": bank.branches[0].id,
        "request_id": "0b9d8b3e-5a2f-4b6a-9c1d-000000000000",
        "model": "a/model",
        "endpoint": "chat/completions",
        "price_version": 7,
        "rates": "p=1;c=4",
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "estimated": False,
        "created_at": bank.clock.now_ms(),
        "ended_at": None,
        "limit_id": None,
        "limit_period": None,
        "provider": "",
        "own_cost": 0,
    }
    row = await bank.account(account)
    assert (row["posted"], row["held"], row["last_used_at"]) == (1_000, 300, None)


async def test_of_many_holds_that_close_one_account_one_is_placed(bank: Bank) -> None:
    account, other = await bank.customer(1_000), await bank.customer(1_000)
    branches = [bank.branches[0], await bank.open()] * 10
    answers = await asyncio.gather(
        *(one.ledger.hold(request(account, 30, closes=True)) for one in branches),
        *(one.ledger.hold(request(other, 30)) for one in branches),
    )
    ours = answers[:20]
    (placed,) = [answer for answer in ours if isinstance(answer, Held)]
    assert {answer for answer in ours if answer is not placed} == {
        Refused(Msat(970), Msat(30), closed=True)
    }
    assert all(isinstance(answer, Held) for answer in answers[20:])
    assert [bool((await bank.account(one))["closed"]) for one in (account, other)] == [True, False]
    await bank.ledger.settle(settlement(placed.hold, 10))
    again = await bank.ledger.hold(request(account, 1))
    assert again == Refused(Msat(990), Msat(0), closed=True)


async def test_a_settlement_is_stored_with_its_charge(bank: Bank) -> None:
    account = await bank.customer(1_000)
    hold = await held(bank, account, 300)
    bank.clock.advance(seconds=2)
    assert await bank.ledger.settle(settlement(hold, 340)) == Settled(
        Msat(300), Msat(40), Msat(700), Msat(0)
    )
    ended = await bank.hold_row(hold)
    assert (ended["state"], ended["charged"], ended["uncollected"]) == (HoldState.SETTLED, 300, 40)
    assert (ended["prompt_tokens"], ended["completion_tokens"]) == (12, 34)
    assert ended["estimated"]
    assert ended["ended_at"] == bank.clock.now_ms() == ended["created_at"] + 2_000
    row = await bank.account(account)
    assert (row["posted"], row["held"], row["spent"], row["requests"]) == (700, 0, 300, 1)
    assert row["last_used_at"] == bank.clock.now_ms()
    charge = await bank.row("SELECT * FROM transfers WHERE kind = 2")
    assert (charge["debit"], charge["credit"]) == (account, bank.ledger.node.revenue)
    assert (charge["amount"], charge["reference"], charge["balance_after"]) == (300, hold, 700)
    assert charge["created_at"] == bank.clock.now_ms()


async def test_a_release_is_stored_and_is_no_use(bank: Bank) -> None:
    account = await bank.customer(1_000)
    hold = await held(bank, account, 300)
    assert await bank.ledger.release(hold) == Settled(Msat(0), Msat(0), Msat(1_000), Msat(0))
    assert (await bank.hold_row(hold))["state"] == HoldState.RELEASED
    row = await bank.account(account)
    assert (row["held"], row["requests"], row["last_used_at"]) == (0, 0, None)


async def test_a_late_settlement_books_what_it_cannot_collect(bank: Bank) -> None:
    account = await bank.customer(1_000)
    hold = await held(bank, account, 800)
    await bank.ledger.release(hold, expire=True)
    await held(bank, account, 900)
    answer = await bank.ledger.settle(settlement(hold, 500))
    assert answer == Settled(Msat(100), Msat(400), Msat(0), Msat(900))
    assert await bank.ledger.settle(settlement(hold, 500)) == answer
    assert (await bank.hold_row(hold))["state"] == HoldState.LATE
    assert (await bank.account(bank.ledger.node.loss))["posted"] == -400
    assert (await bank.account(bank.ledger.node.revenue))["posted"] == 500


async def test_an_unknown_account_is_refused(bank: Bank) -> None:
    assert await bank.ledger.hold(request(10_000, 1)) == Refused(Msat(0), Msat(0), closed=True)


async def test_a_closed_account_is_refused(bank: Bank) -> None:
    account = await bank.customer(1_000)
    await bank.db.write(
        lambda tx: tx.sql.exec_driver_sql(f"UPDATE accounts SET closed = true WHERE id = {account}")
    )
    refused = await bank.ledger.hold(request(account, 1))
    assert refused == Refused(Msat(1_000), Msat(0), closed=True)


async def test_every_size_of_a_batch_is_stored_whole(bank: Bank) -> None:
    customers = [await bank.customer(100_000) for _ in range(3)]
    charged = 0
    for count in (1, 2, 3, 127, 128, 129, 255, 256, 300):
        answers = await asyncio.gather(
            *(bank.ledger.hold(request(customers[n % 3], 10 + n % 7)) for n in range(count))
        )
        holds = [answer.hold for answer in answers if isinstance(answer, Held)]
        assert len(set(holds)) == count
        random.Random(count).shuffle(holds)
        ends = [
            bank.ledger.settle(settlement(hold, hold % 11)) if n % 3 else bank.ledger.release(hold)
            for n, hold in enumerate(holds)
        ]
        charged += sum(int(answer.charged) for answer in await asyncio.gather(*ends))
    assert (await bank.account(bank.ledger.node.revenue))["posted"] == charged
    assert await bank.rows("SELECT count(*) FROM holds WHERE state = 0") == [(0,)]
    assert await bank.rows("SELECT count(*) FROM holds") == [(1_201,)]


async def test_a_request_that_no_column_takes_fails_alone(bank: Bank) -> None:
    account = await bank.customer(1_000)
    good, poison = request(account, 10), request(account, 10)
    too_long = settlement(2**70, 1)
    text = "\x00" if bank.db.dialect is Dialect.POSTGRESQL else "\ud800"  # what each refuses
    poison = type(poison)(
        account=account, minimum=Msat(1), wanted=Msat(10), request_id=text, model="m",
        endpoint="e", price_version=1, rates="r",
    )  # fmt: skip
    first, failed, absurd, last = await asyncio.gather(
        bank.ledger.hold(good),
        bank.ledger.hold(poison),
        bank.ledger.settle(too_long),
        bank.ledger.hold(good),
        return_exceptions=True,
    )
    assert isinstance(first, Held)
    assert isinstance(last, Held)
    assert isinstance(failed, Exception)
    assert isinstance(absurd, Exception)
    assert (await bank.account(account))["held"] == 20
