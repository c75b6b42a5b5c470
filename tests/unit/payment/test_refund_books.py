"""What a refund does to the books at each of its ends; more of it stands in ``test_refund.py``."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from routstr.core.db import Tx
from routstr.ledger.accounts import Entry, named_account, open_account, post
from routstr.ledger.entries import AccountKind, TransferKind
from routstr.money import Msat
from routstr.payment.refund_books import RefundCompletion
from routstr.wallet.models import SagaKind
from routstr.wallet.sagas import Saga
from tests.unit.wallet.world import DRAFT, World, open_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as world:
        yield world


@pytest.fixture
async def saga(world: World) -> Saga:
    """A refund of 11 sat, of which the mint keeps one, for an account that has 11 sat."""

    def open_rich(tx: Tx) -> int:
        owner = open_account(tx, AccountKind.KEY, 5)
        capital = named_account(tx, AccountKind.CAPITAL, "capital", 5)
        entry = Entry(capital, owner, Msat(11_000), TransferKind.CAPITAL, b"x", 0, 5)
        assert post(tx, entry)
        return owner

    owner = await world.db.write(open_rich)
    return msgspec.structs.replace(DRAFT, id=7, account=owner, kind=SagaKind.SEND)


async def posted(world: World, saga: Saga) -> tuple[int, int, int]:
    """What the owner has, what is owed as tokens, and what left the mint's account."""
    names = "SELECT coalesce(sum(posted), 0) FROM accounts WHERE name"
    return (
        await world.scalar("SELECT posted FROM accounts WHERE id = :id", id=saga.account),
        await world.scalar(f"{names} = 'unclaimed'"),
        await world.scalar(f"{names} LIKE 'asset:%'"),
    )


async def test_the_owner_is_debited_before_the_mint_is_asked(world: World, saga: Saga) -> None:
    books = RefundCompletion(world.clock)
    await world.db.write(lambda tx: books.intended(tx, saga))
    assert await posted(world, saga) == (0, 11_000, 0)


async def test_the_fee_leaves_with_the_token(world: World, saga: Saga) -> None:
    books = RefundCompletion(world.clock)
    await world.db.write(lambda tx: books.intended(tx, saga))
    assert await world.db.write(lambda tx: books.done(tx, saga)) == saga.account
    assert await posted(world, saga) == (0, 10_000, 1_000)


async def test_a_refund_that_was_refused_was_none(world: World, saga: Saga) -> None:
    books = RefundCompletion(world.clock)
    await world.db.write(lambda tx: books.intended(tx, saga))
    await world.db.write(lambda tx: books.failed(tx, saga))
    assert await posted(world, saga) == (11_000, 0, 0)
