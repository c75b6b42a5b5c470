"""What a move does to the books, and that its name moves once."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from routstr.core.clock import ManualClock
from routstr.errors import IdempotencyMismatch, SurplusTooSmall
from routstr.payment.operator_calls import Call
from routstr.wallet.mint_swaps import Stage
from tests.unit.payment.test_moving import OTHER, PRIMARY, Desk, open_desk
from tests.unit.wallet.invoices import InvoiceMint
from tests.unit.wallet.signing import Signer
from tests.unit.wallet.two_mints import Source
from tests.unit.wallet.world import open_world


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """992 sat at the other mint, of which the operator has five."""
    target = InvoiceMint(Signer(fee=100), url=PRIMARY)
    mints = target, Source(target, url=OTHER)
    async with open_world(tmp_path, *mints, clock=ManualClock()) as world:
        desk = await open_desk(world)
        await desk.earn(await desk.account(512, 256, 128, 64, 32), 5)
        yield desk
        await desk.require_right_books()


async def test_a_name_moves_once_and_tells_the_same_move(desk: Desk) -> None:
    call = Call.of("monday", OTHER, PRIMARY, 100)
    first = await desk.swaps.swap(OTHER, PRIMARY, 100, call=call)
    assert first.stage is Stage.DONE
    assert await desk.swaps.swap(OTHER, PRIMARY, 100, call=call) == first
    with pytest.raises(IdempotencyMismatch):
        await desk.swaps.swap(OTHER, PRIMARY, 200, call=Call.of("monday", OTHER, PRIMARY, 200))
    assert await desk.swaps.recent(9) == [first]
    assert await desk.liquid(PRIMARY) == 100


async def test_a_move_that_the_surplus_does_not_cover_leaves_its_name_free(desk: Desk) -> None:
    call = Call.of("monday")
    before = await desk.booked()
    with pytest.raises(SurplusTooSmall):
        await desk.swaps.swap(OTHER, PRIMARY, 900, call=call)
    assert await desk.booked() == before
    assert (await desk.swaps.swap(OTHER, PRIMARY, 100, call=call)).stage is Stage.DONE
