"""Records on real databases, with two instances that write at the same time."""

import asyncio
from collections import Counter
from typing import Final

import pytest

from routstr.core.node_key import NodeKey
from routstr.errors import IdempotencyInProgress
from routstr.ledger import instances
from routstr.payment.idempotency.answers import Answer, Kept
from routstr.payment.idempotency.repeats import Repeats
from routstr.payment.idempotency.repository import Begun
from tests.integration.ledger.bank import STALE_SECONDS, Bank, Branch

FIFTY: Final = 50
SCOPE, REQUEST = b"s" * 32, b"r" * 32
KEPT: Final = Kept(Answer(200, [(b"x-cashu", b"token")], b"{}"))


@pytest.fixture
async def two(bank: Bank) -> tuple[Repeats, Repeats]:
    await bank.open()

    def of(branch: Branch) -> Repeats:
        node = NodeKey(bytes(32))
        return Repeats(
            branch.db, node, bank.clock, branch.id, stale_seconds=STALE_SECONDS, keep_hours=24
        )

    return of(bank.branches[0]), of(bank.branches[1])


async def told(repeats: Repeats, *, paid: str | None = None) -> Begun | Kept | None:
    """None while the call is running."""
    try:
        return await repeats.begin(SCOPE, REQUEST, paid_request=paid)
    except IdempotencyInProgress:
        return None


@pytest.mark.parametrize("paid", [None, "request"])
async def test_of_fifty_on_two_instances_one_begins(
    two: tuple[Repeats, Repeats], paid: str | None
) -> None:
    found = await asyncio.gather(*(told(two[n % 2], paid=paid) for n in range(FIFTY)))
    assert Counter(map(type, found)) == {Begun: 1, type(None): FIFTY - 1}


async def test_what_one_instance_keeps_both_tell(two: tuple[Repeats, Repeats]) -> None:
    call = await told(two[0])
    assert isinstance(call, Begun)
    await two[0].keep(call, KEPT)
    found = await asyncio.gather(*(told(two[n % 2]) for n in range(FIFTY)))
    assert found == [KEPT] * FIFTY


async def test_fifty_take_an_unfinished_call_over_and_one_has_it(
    two: tuple[Repeats, Repeats],
) -> None:
    first = await told(two[0])
    assert isinstance(first, Begun)
    await two[0].reopen(first)
    found = await asyncio.gather(*(told(two[n % 2]) for n in range(FIFTY)))
    (again,) = [one for one in found if isinstance(one, Begun)]
    assert (again.operation, again.again) == (first.operation, True)


async def test_frees_and_beginnings_at_once_leave_one_owner(two: tuple[Repeats, Repeats]) -> None:
    async def one(number: int) -> bool:
        call = await told(two[number % 2])
        if isinstance(call, Begun):
            await two[number % 2].forget(call)
        return isinstance(call, Begun)

    assert sum(await asyncio.gather(*(one(n) for n in range(FIFTY)))) >= 1
    assert isinstance(await told(two[0]), Begun)


async def test_a_living_instance_keeps_its_calls_and_a_stopped_one_leaves_them(
    two: tuple[Repeats, Repeats], bank: Bank
) -> None:
    assert isinstance(await told(two[0]), Begun)
    assert await told(two[1]) is None
    first = bank.branches[0].id
    await bank.db.write(lambda tx: instances.stop(tx, first))
    assert isinstance(await told(two[1]), Begun)


async def test_what_has_expired_is_deleted_and_nothing_else(
    two: tuple[Repeats, Repeats], bank: Bank
) -> None:
    call = await told(two[0])
    assert isinstance(call, Begun)
    await two[0].keep(call, KEPT)
    bank.clock.advance(seconds=3600)
    later = await two[0].begin(b"other", REQUEST)
    assert isinstance(later, Begun)
    await two[0].keep(later, KEPT)
    bank.clock.advance(seconds=23 * 3600)
    assert await asyncio.gather(*(repeats.tidy() for repeats in two)) in ([1, 0], [0, 1])
    assert await two[1].begin(b"other", REQUEST) == KEPT
