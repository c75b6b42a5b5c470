"""Proven sums: stored in parts, by any instance, in any order."""

from typing import Final

from routstr.ledger import checkpoint
from routstr.ledger.checkpoint import Checkpoint, Frontier, Step, Sums
from routstr.ledger.entries import Held
from tests.integration.ledger.bank import Bank, request
from tests.integration.ledger.continued import START, since

LAST_HOLD: Final = 1 << 40
STORED: Final = "SELECT account, upto, posted, spent, deposited FROM verified_accounts"


async def reach(bank: Bank, last: Checkpoint, transfers: int) -> Step:
    ids = {"transfers": transfers, "holds": LAST_HOLD, "sagas": 0}
    return await bank.db.read(lambda c: checkpoint.step(c, last, ids))


async def store(bank: Bank, step: Step, *sums: Sums) -> None:
    upto = step.checkpoint.transfers
    await bank.db.write(lambda tx: checkpoint.store(tx, sums, upto))


async def test_a_step_counts_what_lies_between(bank: Bank) -> None:
    one = await bank.customer(1_000)
    held = await bank.ledger.hold(request(one, 300))
    assert isinstance(held, Held)
    await bank.deposit(one, 20)
    first = await reach(bank, START, 1)
    assert first.checkpoint == Checkpoint(
        1, 1, 1_000, Frontier(LAST_HOLD, (held.hold,)), Frontier()
    )
    assert [s for s in first.sums if s.account == one] == [Sums(one, 1_000, 0, 1_000)]
    await store(bank, first, *first.sums)
    second = await reach(bank, first.checkpoint, 2)
    assert (second.checkpoint.count, second.checkpoint.amount) == (2, 1_020)
    assert [s for s in second.sums if s.account == one] == [Sums(one, 1_020, 0, 1_020)]
    assert await reach(bank, second.checkpoint, 2) == Step(second.checkpoint)


async def test_a_step_back_is_none(bank: Bank) -> None:
    """Another instance went further meanwhile."""
    await bank.customer(1_000)
    further = Checkpoint(transfers=5, count=5, amount=9)
    assert await reach(bank, further, 1) == Step(further)


async def test_sums_that_were_stored_in_part_are_right_all_the_same(bank: Bank) -> None:
    """As after a crash: some accounts are ahead of the checkpoint, others are not."""
    one = await bank.customer(1_000)
    await bank.deposit(one, 20)
    step = await reach(bank, START, 2)
    [mine] = [s for s in step.sums if s.account == one]
    await store(bank, step, mine)
    assert await bank.rows(STORED) == [(one, 2, 1_020, 0, 1_020)]
    assert await bank.db.read(lambda c: since(c, START)) == set()
    assert [s.account for s in (await reach(bank, START, 2)).sums] == [
        s.account for s in step.sums if s.account != one
    ]


async def test_an_instance_that_is_behind_overwrites_nothing(bank: Bank) -> None:
    one = await bank.customer(1_000)
    await bank.deposit(one, 20)
    behind, ahead = await reach(bank, START, 1), await reach(bank, START, 2)
    await store(bank, ahead, *ahead.sums)
    await store(bank, behind, *behind.sums)
    assert {row[1] for row in await bank.rows(STORED)} == {2}
    for last in (START, behind.checkpoint, ahead.checkpoint):
        assert await bank.db.read(lambda c, last=last: since(c, last)) == set()  # type: ignore[misc]


async def test_nothing_is_stored_in_no_time(bank: Bank) -> None:
    await store(bank, await reach(bank, START, 0))
    assert await bank.rows(STORED) == []
