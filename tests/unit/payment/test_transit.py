"""Bookings between the node's own proofs and mints: at the end of each nothing is between."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from routstr.core.db import Tx
from routstr.errors import SurplusTooSmall
from routstr.ledger.accounts import Entry, named_account, node_accounts, open_account, post
from routstr.ledger.entries import AccountKind, TransferKind
from routstr.money import ZERO, Msat
from routstr.payment import transit
from routstr.wallet.sagas import Saga
from tests.unit.wallet.world import DRAFT, World, open_world

OUT = msgspec.structs.replace(DRAFT, id=5)
IN = msgspec.structs.replace(DRAFT, id=6, mint="https://other.example", gross=8, fee=0)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as world:
        yield world


@pytest.fixture
async def rich(world: World) -> World:
    """The operator has 5000 msat; a customer has a million."""

    def earn(tx: Tx) -> None:
        node_accounts(tx, 1)
        asset = named_account(tx, AccountKind.ASSET, "asset:sat:somewhere", 1)
        revenue = named_account(tx, AccountKind.REVENUE, "revenue", 1)
        customer = open_account(tx, AccountKind.KEY, 1)
        post(tx, Entry(asset, revenue, Msat(5_000), TransferKind.DEPOSIT, b"x", 0, 1))
        post(tx, Entry(asset, customer, Msat(1_000_000), TransferKind.DEPOSIT, b"y", 0, 1))

    await world.db.write(earn)
    return world


async def between(world: World) -> int:
    return int(await world.scalar("SELECT coalesce(sum(posted), 0) FROM accounts WHERE kind = 11"))


async def own(world: World) -> int:
    return int(await world.scalar("SELECT sum(posted) FROM accounts WHERE kind >= 20"))


async def at(world: World, saga: Saga) -> int:
    name = f"asset:sat:{saga.mint}"
    return int(await world.scalar("SELECT posted FROM accounts WHERE name = :name", name=name))


async def test_a_move_between_mints_costs_its_fees_and_leaves_nothing_between(rich: World) -> None:
    await rich.db.write(lambda tx: transit.set_aside(tx, OUT, Msat(3_000), 1))
    assert (await own(rich), await between(rich)) == (2_000, 3_000)

    def out(tx: Tx) -> None:
        transit.lock(tx, 1)
        transit.put_back(tx, OUT, Msat(1_000), 1)
        transit.leave(tx, OUT, Msat(10_000), 1)

    await rich.db.write(out)
    assert (await own(rich), await between(rich), await at(rich, OUT)) == (3_000, -8_000, 10_000)
    await rich.db.write(lambda tx: transit.arrive(tx, IN, 1))
    assert (await own(rich), await between(rich), await at(rich, IN)) == (3_000, 0, -8_000)


async def test_only_the_operators_own_is_set_aside(rich: World) -> None:
    with pytest.raises(SurplusTooSmall) as raised:
        await rich.db.write(lambda tx: transit.set_aside(tx, OUT, Msat(5_001), 1))
    assert raised.value.details == {"surplus_msat": 5_000, "needed_msat": 5_001}
    await rich.db.write(lambda tx: transit.set_aside(tx, OUT, Msat(5_000), 1))
    assert await own(rich) == 0
    await rich.db.write(lambda tx: transit.put_back(tx, OUT, Msat(5_000), 1))
    assert (await own(rich), await between(rich)) == (5_000, 0)


async def test_each_is_booked_once(rich: World) -> None:
    for _ in range(2):
        await rich.db.write(lambda tx: transit.set_aside(tx, OUT, Msat(3_000), 1))
        await rich.db.write(lambda tx: transit.leave(tx, OUT, Msat(2_000), 1))
        await rich.db.write(lambda tx: transit.put_back(tx, OUT, Msat(1_000), 1))
    assert (await own(rich), await between(rich)) == (3_000, 0)


async def test_nothing_is_booked_for_nothing(rich: World) -> None:
    before = await rich.scalar("SELECT count(*) FROM transfers")
    for book in (transit.set_aside, transit.put_back, transit.leave):
        await rich.db.write(lambda tx, one=book: one(tx, OUT, ZERO, 1))  # type: ignore[misc]
    assert await rich.scalar("SELECT count(*) FROM transfers") == before
