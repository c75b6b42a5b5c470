"""Two writers on one database: whatever comes first, the books agree and nobody overdraws."""

import asyncio
import random
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from routstr.core.db import Tx
from routstr.errors import InsufficientBalance
from routstr.ledger import accounts
from routstr.ledger.accounts import Entry
from routstr.ledger.entries import AccountKind, Held, HoldState, Refused, Settled, TransferKind
from routstr.money import Msat
from tests.integration.ledger.bank import Bank, request, settlement
from tests.integration.ledger.worker import AMOUNT

ROOT: Final = Path(__file__).parents[3]


@pytest.fixture
async def both(bank: Bank) -> Bank:
    """A bank with two instances."""
    await bank.open()
    return bank


async def test_of_fifty_holds_as_many_are_placed_as_the_money_pays_for(both: Bank) -> None:
    account = await both.customer(1_000)
    answers = await asyncio.gather(
        *(both.branches[n % 2].ledger.hold(request(account, 100)) for n in range(50))
    )
    assert Counter(type(answer) for answer in answers) == {Held: 10, Refused: 40}
    assert len({answer.hold for answer in answers if isinstance(answer, Held)}) == 10
    row = await both.account(account)
    assert (row["posted"], row["held"]) == (1_000, 1_000)


async def test_the_last_msat_goes_to_one(both: Bank) -> None:
    """Holds take what there is: their sum is the balance, whoever got more."""
    account = await both.customer(1_003)
    answers = await asyncio.gather(
        *(both.branches[n % 2].ledger.hold(request(account, 300, minimum=1)) for n in range(20))
    )
    amounts = [int(answer.amount) for answer in answers if isinstance(answer, Held)]
    assert sorted(amounts) == [103, 300, 300, 300]


async def test_each_hold_has_one_end_whoever_ends_it(both: Bank) -> None:
    account = await both.customer(100_000)
    answers = await asyncio.gather(
        *(both.branches[n % 2].ledger.hold(request(account, 100)) for n in range(60))
    )
    holds = [answer.hold for answer in answers if isinstance(answer, Held)]
    ends = [
        end
        for hold in holds
        for branch in both.branches
        for end in (
            branch.ledger.settle(settlement(hold, 30)),
            branch.ledger.release(hold),
            branch.ledger.release(hold, expire=True),
            branch.ledger.settle(settlement(hold, 70)),
        )
    ]
    random.Random(7).shuffle(ends)
    outcomes = await asyncio.gather(*ends)
    assert all(isinstance(outcome, Settled) for outcome in outcomes)
    rows = await both.rows("SELECT id, state, charged FROM holds")
    assert {HoldState(state) for _, state, _ in rows} <= set(HoldState) - {HoldState.OPEN}
    assert {charged for _, _, charged in rows} <= {0, 30, 70}
    row = await both.account(account)
    spent = sum(charged for _, _, charged in rows)
    assert (row["posted"], row["held"], row["spent"]) == (100_000 - spent, 0, spent)


async def test_a_late_settlement_and_new_holds_share_what_is_there(both: Bank) -> None:
    account = await both.customer(1_000)
    one, other = (branch.ledger for branch in both.branches)
    late = [await one.hold(request(account, 100)) for _ in range(10)]
    for answer in late:
        assert isinstance(answer, Held)
        await other.release(answer.hold, expire=True)
    work = [one.settle(settlement(a.hold, 100)) for a in late if isinstance(a, Held)]
    work += [other.hold(request(account, 150, minimum=1)) for _ in range(10)]  # type: ignore[misc]
    random.Random(3).shuffle(work)
    outcomes = await asyncio.gather(*work)
    charged = sum(int(outcome.charged) for outcome in outcomes if isinstance(outcome, Settled))
    placed = sum(int(outcome.amount) for outcome in outcomes if isinstance(outcome, Held))
    row = await both.account(account)
    assert (row["posted"], row["held"]) == (1_000 - charged, placed)
    lost = -(await both.account(one.node.loss))["posted"]
    assert charged + lost == 1_000


async def test_spending_refunding_and_paying_in_at_once_keep_the_books(both: Bank) -> None:
    customers = [await both.customer(2_000) for _ in range(3)]
    unclaimed = await both.db.write(
        lambda tx: accounts.named_account(tx, AccountKind.UNCLAIMED, "unclaimed", 1)
    )
    chance = random.Random(11)
    numbers = iter(range(1_000, 9_000))

    async def spend(account: int, which: int) -> None:
        ledger = both.branches[which].ledger
        answer = await ledger.hold(request(account, 400, minimum=1))
        if isinstance(answer, Held):
            await both.branches[1 - which].ledger.settle(settlement(answer.hold, 37))

    async def pay_in(account: int, which: int) -> None:
        number = next(numbers)
        write = both.branches[which].db.write
        assert await write(lambda tx: accounts.post(tx, both.entry(tx, account, 50, number)))

    async def refund(account: int, which: int) -> None:
        number = next(numbers)
        entry = Entry(
            account, unclaimed, Msat(100), TransferKind.REFUND, b"S%d" % number, number, 1
        )
        try:
            await both.branches[which].db.write(partial(accounts.post, entry=entry))
        except InsufficientBalance:
            assert which in {0, 1}  # a fair answer: the rest is held or spent

    kinds = [spend] * 5 + [pay_in, refund]
    await asyncio.gather(
        *(chance.choice(kinds)(chance.choice(customers), chance.randrange(2)) for _ in range(200))
    )
    for account in customers:
        assert (await both.account(account))["held"] == 0


async def test_fifty_posts_with_one_key_are_one_transfer(both: Bank) -> None:
    """One key, one entry: the same transfer, and one that would move something else."""
    account, other = await both.customer(), await both.customer()
    entry = await both.db.write(lambda tx: both.entry(tx, account, 10, 1_000))
    entries = [entry, replace(entry, credit=other, amount=Msat(70))]
    posted = await asyncio.gather(
        *(
            both.branches[n % 2].db.write(partial(accounts.post, entry=entries[n % 3 == 0]))
            for n in range(50)
        )
    )
    assert posted.count(True) == 1
    credited = [(await both.account(one))["posted"] for one in (account, other)]
    assert credited in ([10, 0], [0, 70])


async def test_an_account_opened_and_used_by_others_at_once(both: Bank) -> None:
    """Each instance sees what the other has just written."""
    for n in range(10):
        writer, reader = both.branches[n % 2], both.branches[1 - n % 2]

        def open_with_money(tx: Tx, number: int = n) -> int:
            account = accounts.open_account(tx, AccountKind.KEY, 1)
            accounts.post(tx, both.entry(tx, account, 10, 5_000 + number))
            return account

        account = await writer.db.write(open_with_money)
        assert isinstance(await reader.ledger.hold(request(account, 10)), Held)


async def start_worker(url: str, *accounts: int) -> Process:
    command = (sys.executable, "-m", "tests.integration.ledger.worker", url, *map(str, accounts))
    return await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdin=PIPE, stdout=PIPE)


async def line(process: Process) -> str:
    assert process.stdout is not None
    return (await process.stdout.readline()).decode().strip()


async def go_on(processes: Sequence[Process]) -> int:
    """Let all begin at once; the sum of what they did."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"\n")
        await process.stdin.drain()
    return sum([int(await line(process)) for process in processes])


async def test_two_processes_share_what_there_is_and_a_crash_gives_it_back(bank: Bank) -> None:
    spent, kept = await bank.customer(30 * AMOUNT), await bank.customer(10 * AMOUNT)
    processes = await asyncio.gather(*(start_worker(bank.url, spent, kept) for _ in range(2)))
    assert [await line(process) for process in processes] == ["ready"] * 2
    assert await go_on(processes) == 30
    row = await bank.account(spent)
    assert (row["posted"], row["held"], row["requests"]) == (0, 0, 30)
    assert await go_on(processes) == 10
    assert (await bank.account(kept))["held"] == 10 * AMOUNT
    assert await bank.branches[0].sweeper.sweep() == 0  # they live
    for process in processes:
        process.kill()
        await process.wait()
    later = await bank.open()  # a start recognises processes of its machine that are gone
    assert await later.sweeper.sweep() == 10
    row = await bank.account(kept)
    assert (row["posted"], row["held"]) == (10 * AMOUNT, 0)
