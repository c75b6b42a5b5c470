from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from routstr.errors import (
    InvalidParameter,
    MintRefused,
)
from routstr.wallet.mint_errors import MintUnclear
from routstr.wallet.models import ProofStatus, SagaState
from tests.unit.wallet.paying_mint import (
    PayingMint,
    invoice,
    melt,
    mint_of,
)
from tests.unit.wallet.test_send import stock
from tests.unit.wallet.world import World, open_world

LOST = MintUnclear("no answer")
FREE, BUSY = ProofStatus.UNSPENT, ProofStatus.RESERVED


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path, PayingMint()) as world:
        yield world


@pytest.mark.parametrize(
    "nuts",
    [
        {"5": None},
        {"5": {"methods": [], "disabled": False}},
        {"5": {"methods": [{"method": "bolt11", "unit": "sat"}], "disabled": True}},
        {"5": {"methods": [{"method": "bolt11", "unit": "usd"}]}},
        {"5": {"methods": [{"method": "bolt12", "unit": "sat"}]}},
        {"5": {"methods": [{"method": "bolt11", "unit": "sat", "min_amount": 41}]}},
        {"5": {"methods": [{"method": "bolt11", "unit": "sat", "max_amount": 39}]}},
        {"5": {"methods": "all"}},
        {"7": {"supported": False}},
        {"8": {"supported": False}},
        {"9": {"supported": False}},
    ],
)
async def test_a_mint_that_is_not_fit_is_not_asked(world: World, nuts: dict[str, Any]) -> None:
    await stock(world, 64)
    mint_of(world).nuts |= nuts
    with pytest.raises(MintRefused):
        await melt(world.house, 40)
    assert (mint_of(world).calls["melt_quote"], await world.states()) == (0, [])


async def test_limits_of_the_mint_that_fit(world: World) -> None:
    await stock(world, 64)
    method = {"method": "bolt11", "unit": "sat", "min_amount": 40, "max_amount": 40}
    mint_of(world).nuts |= {"5": {"methods": [method]}, "15": {"methods": [method]}}
    assert (await melt(world.house, 40)).state is SagaState.DONE


@pytest.mark.parametrize("text", ["", "lnbc1", invoice(0)])
async def test_no_invoice_no_payment(world: World, text: str) -> None:
    with pytest.raises(InvalidParameter):
        await melt(world.house, 40, bolt11=text)
    assert not mint_of(world).calls


async def test_a_mint_that_asks_for_more_than_the_invoice_is_refused(world: World) -> None:
    await stock(world, 64)
    mint = mint_of(world)
    mint.extra = 1
    with pytest.raises(MintRefused):
        await melt(world.house, 40)
    assert mint.calls["melt"] == 0
