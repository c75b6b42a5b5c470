"""Orders of ecash in a world whose mint makes invoices."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from routstr.core.clock import ManualClock
from routstr.money import Unit
from routstr.wallet.minting import Minter
from routstr.wallet.ordering import Order
from routstr.wallet.quotes import Quote
from tests.unit.wallet.invoices import CREATED, InvoiceMint
from tests.unit.wallet.world import ACCOUNT, PURPOSE, House, World, open_world


@asynccontextmanager
async def open_orders(folder: Path, *mints: InvoiceMint) -> AsyncIterator[World]:
    """A world whose time stands still at the moment when invoices are made."""
    clock = ManualClock(CREATED * 1_000)
    async with open_world(folder, *(mints or (InvoiceMint(),)), clock=clock) as world:
        yield world


def the_mint(world: World) -> InvoiceMint:
    assert isinstance(world.mint, InvoiceMint)
    return world.mint


def minter(house: House) -> Minter:
    return house.wallet._minter


def wish(world: World, amount: int = 11, *, unit: Unit = Unit.SAT) -> Order:
    return Order(world.mint.url, unit, amount, PURPOSE, ACCOUNT, {"note": "ünï"})


async def order(world: World, amount: int = 11, *, unit: Unit = Unit.SAT) -> Quote:
    return await world.house.wallet.request_quote(wish(world, amount, unit=unit))


def pass_time(world: World, *, seconds: float = 2) -> None:
    assert isinstance(world.clock, ManualClock)
    world.clock.advance(seconds=seconds)


async def check(world: World, quote: Quote, house: House | None = None) -> Quote:
    """Ask, some time after the last question."""
    pass_time(world)
    return await (house or world.house).wallet.check_quote(quote.id)
