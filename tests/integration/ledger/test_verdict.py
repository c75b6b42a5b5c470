"""The shared verdict: who may change it, and what deposits make of it."""

import asyncio

import pytest

from routstr.errors import DepositsClosed
from routstr.ledger import verdict
from routstr.ledger.checkpoint import Checkpoint, Frontier
from routstr.ledger.verdict import Verdict
from tests.integration.ledger.bank import Bank
from tests.integration.ledger.continued import advance

PROOF = Checkpoint(7, 3, 900, Frontier(5, (2, 4)), Frontier(1))


async def known(bank: Bank) -> Verdict:
    return await bank.db.read(verdict.read)


async def prove(bank: Bank, seen: Verdict, *, full_at: int | None = None, which: int = 0) -> bool:
    db = bank.branches[which].db
    return await db.write(lambda tx: verdict.prove(tx, seen, PROOF, full_at=full_at))


async def close(bank: Bank, at: int, reason: str) -> None:
    await bank.db.write(lambda tx: verdict.close(tx, at, reason))


async def test_of_a_new_database_nothing_is_known_and_deposits_are_open(bank: Bank) -> None:
    assert await known(bank) == Verdict()
    await bank.db.write(verdict.require_open)


async def test_a_proof_is_stored_as_it_is(bank: Bank) -> None:
    assert await prove(bank, Verdict())
    assert await known(bank) == Verdict(1, PROOF)
    assert await prove(bank, await known(bank), full_at=12)
    assert await known(bank) == Verdict(2, PROOF, 12)


async def test_a_proof_that_was_overtaken_changes_nothing(bank: Bank) -> None:
    await bank.open()
    won = await asyncio.gather(*(prove(bank, Verdict(), which=n % 2) for n in range(6)))
    assert sorted(won) == [False] * 5 + [True]
    assert (await known(bank)).version == 1


async def test_closed_deposits_are_refused_on_every_instance_until_all_is_proven(
    bank: Bank,
) -> None:
    other = await bank.open()
    await other.db.write(verdict.require_open)
    await close(bank, 5, "sums")
    await close(bank, 9, "more")
    seen = await known(bank)
    assert (seen.closed, seen.closed_at, seen.reason) == (True, 5, "more")
    with pytest.raises(DepositsClosed):
        await other.db.write(verdict.require_open)
    assert await prove(bank, seen)  # of what is new only
    with pytest.raises(DepositsClosed):
        await other.db.write(verdict.require_open)
    assert await prove(bank, await known(bank), full_at=12)
    await other.db.write(verdict.require_open)
    assert (await known(bank)).reason == ""


async def test_who_looked_before_it_was_closed_cannot_open_it(bank: Bank) -> None:
    seen = await known(bank)
    await close(bank, 5, "sums")
    assert not await prove(bank, seen, full_at=12)
    assert (await known(bank)).closed


async def test_what_is_forgotten_is_proven_anew(bank: Bank) -> None:
    await bank.customer(1_000)
    assert await advance(bank.db) == set()
    seen = await known(bank)
    await bank.db.write(verdict.forget)
    assert (await known(bank)).checkpoint is None
    assert await bank.rows("SELECT * FROM verified_accounts") == []
    assert not await prove(bank, seen), "what was worked out before counts no more"
    assert await advance(bank.db) == set()
    assert (await known(bank)).checkpoint == seen.checkpoint
