"""Transfers are sealed once they are complete, in one chain, by whichever instance."""

import asyncio

from routstr.ledger import seals, verdict
from tests.integration.ledger.bank import Bank
from tests.integration.ledger.notary import KEY, found, sealer
from tests.integration.ledger.test_horizon import elsewhere, on_postgres, slow_writer


async def test_several_instances_make_one_chain(bank: Bank) -> None:
    await bank.open()
    account = await bank.customer()
    for _ in range(4):
        await asyncio.gather(
            *(bank.deposit(account, 5) for _ in range(7)),
            *(sealer(bank, number, rows=2).finish() for number in (0, 1)),
        )
    await sealer(bank).finish()
    assert await found(bank.db) == ()
    [(count, covered, upto)] = await bank.rows(
        "SELECT count(*), sum(transfers), max(upto) FROM seals"
    )
    assert (int(covered), upto) == (28, 28)
    assert await bank.rows("SELECT max(number) FROM seals") == [(count,)]


async def test_a_fresh_seal_of_anybody_is_enough(bank: Bank) -> None:
    account = await bank.customer(5)
    await bank.open()
    assert await sealer(bank).run() == 1
    await bank.deposit(account, 5)
    assert await sealer(bank, 1).run() == 0
    bank.clock.advance(seconds=5)
    assert await sealer(bank, 1).run() == 1
    assert await sealer(bank).finish() == 0


@on_postgres
async def test_nothing_is_sealed_over_an_id_that_may_still_appear(bank: Bank) -> None:
    await bank.customer(1_000)
    with slow_writer(bank.url) as slow:
        await elsewhere(bank)
        assert await sealer(bank).finish(wait_seconds=0.05) == 0
        assert await bank.db.read(seals.last) == seals.Sealed()
        slow.exec_driver_sql("COMMIT")
    assert await sealer(bank).finish() == 1
    assert (await bank.db.read(seals.last)).transfers == 3
    assert await found(bank.db) == ()


async def test_a_seal_that_was_begun_before_the_chain_was_dropped_is_not_stored(bank: Bank) -> None:
    account = await bank.customer(5)
    await sealer(bank).finish()
    await bank.deposit(account, 5)
    begun = await bank.db.read(lambda c: seals.draft(c, 2, 10))
    assert begun is not None
    await bank.db.write(verdict.forget)
    assert not await bank.db.write(lambda tx: seals.store(tx, begun, instance=1, key=KEY, at=1))
    assert await bank.db.read(seals.last) == seals.Sealed()
    assert await sealer(bank).finish() == 1
    assert await found(bank.db) == ()
