"""The proof that nothing stays between mints."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from routstr.core.db import Tx
from routstr.ledger.accounts import Entry, named_account, post
from routstr.ledger.entries import AccountKind, TransferKind
from routstr.money import Msat
from routstr.payment import transit
from routstr.payment.transit_audit import check_transit
from routstr.wallet.models import SagaKind
from tests.unit.wallet.world import World, insert, open_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as world:
        yield world


async def test_at_rest_nothing_is_between(world: World) -> None:
    assert (await world.db.read(check_transit)).holds


async def test_what_is_between_for_no_reason_is_told(world: World) -> None:
    def lose(tx: Tx) -> None:
        capital = named_account(tx, AccountKind.CAPITAL, "capital", 1)
        between = transit.transit_account(tx, 1)
        post(tx, Entry(between, capital, Msat(5), TransferKind.MOVED_OUT, b"x", 0, 1))

    await world.db.write(lose)
    check = await world.db.read(check_transit)
    assert check.problems == ("-5 msat in the books, 0 msat under way",)


async def test_a_movement_that_set_nothing_aside_is_told(world: World) -> None:
    await insert(world, kind=SagaKind.CONSOLIDATE, gross=9, fee=2)
    check = await world.db.read(check_transit)
    assert check.problems == ("0 msat in the books, 2000 msat under way",)
