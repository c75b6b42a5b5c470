from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from routstr.core.db import Tx
from routstr.errors import InvalidParameter, MintRefused, MintUnreachable, UntrustedMint
from routstr.money import Unit
from routstr.wallet.mint_errors import MintDown
from routstr.wallet.models import QuoteState
from routstr.wallet.ordering import Order
from routstr.wallet.quotes import Quote
from tests.unit.wallet.invoices import CREATED, InvoiceMint
from tests.unit.wallet.ordering import open_orders, order, the_mint, wish
from tests.unit.wallet.signing import Signer
from tests.unit.wallet.world import ACCOUNT, PURPOSE, World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_orders(tmp_path) as world:
        yield world


async def count(world: World) -> int:
    return int(await world.scalar("SELECT count(*) FROM mint_quotes"))


async def test_an_invoice_is_stored_before_it_is_told(world: World) -> None:
    quote = await order(world, 11)
    told = the_mint(world).last
    assert quote == await world.house.wallet.quote(quote.id)
    assert (quote.amount, quote.unit, int(quote.msat)) == (11, Unit.SAT, 11_000)
    assert (quote.request, quote.mint_id) == (told.request, told.id)
    assert (quote.purpose, quote.account, quote.context) == (PURPOSE, ACCOUNT, {"note": "ünï"})
    assert (quote.state, quote.saga, quote.paid_at) == (QuoteState.UNPAID, None, None)
    assert quote.expires_at == (CREATED + 3_600) * 1_000


async def test_the_mint_s_id_of_it_is_sealed_and_not_shown(world: World) -> None:
    quote = await order(world)
    assert quote.mint_id not in repr(quote)
    assert quote.mint_id.encode() not in world.written()


async def test_it_is_locked_where_the_mint_offers_that(tmp_path: Path) -> None:
    open_mint = InvoiceMint(url="https://open.example")
    open_mint.locks = False
    async with open_orders(tmp_path, InvoiceMint(), open_mint) as world:
        assert (await order(world)).lock_index is not None
        assert the_mint(world).last.lock.startswith(("02", "03"))
        elsewhere = Order(open_mint.url, Unit.SAT, 4, PURPOSE, None, {})
        assert (await world.house.wallet.request_quote(elsewhere)).lock_index is None
        assert open_mint.last.lock == ""


async def test_other_mints_are_not_contacted(world: World) -> None:
    stranger = Order("https://stranger.example", Unit.SAT, 4, PURPOSE, None, {})
    with pytest.raises(UntrustedMint):
        await world.house.wallet.request_quote(stranger)


@pytest.mark.parametrize("amount", [9, 101])
async def test_amounts_outside_of_the_mint_s_bounds_are_not_asked_for(
    world: World, amount: int
) -> None:
    the_mint(world).bounds = {"min_amount": 10, "max_amount": 100}
    with pytest.raises(InvalidParameter) as caught:
        await order(world, amount)
    assert caught.value.details == {"min": 10, "max": 100, "unit": "sat"}
    assert the_mint(world).calls["mint_quote"] == 0
    assert (await order(world, 100)).amount == 100


async def test_a_unit_that_the_mint_does_not_make_invoices_in(world: World) -> None:
    with pytest.raises(MintRefused):
        await order(world, unit=Unit.MSAT)


async def test_an_amount_that_no_keyset_can_hold_is_not_asked_for(tmp_path: Path) -> None:
    async with open_orders(tmp_path, InvoiceMint(Signer([2, 4, 8]))) as world:
        with pytest.raises(MintRefused):
            await order(world, 5)
        assert the_mint(world).calls["mint_quote"] == 0


@pytest.mark.parametrize("msat", [10_999, 11_001, 1])
async def test_an_invoice_of_another_amount_is_shown_to_nobody(world: World, msat: int) -> None:
    the_mint(world).asks_msat = msat
    with pytest.raises(MintRefused):
        await order(world, 11)
    assert await count(world) == 0


async def test_a_mint_that_is_away_makes_no_invoice(world: World) -> None:
    the_mint(world).broken["mint_quote"] = MintDown("no connection")
    with pytest.raises(MintUnreachable):
        await order(world)
    assert await count(world) == 0


async def test_who_stores_something_beside_it_can_refuse_it(world: World) -> None:
    def refuse(_tx: Tx, quote: Quote) -> None:
        assert quote.id > 0
        raise InvalidParameter("not this one")

    with pytest.raises(InvalidParameter):
        await world.house.wallet.request_quote(wish(world), refuse)
    assert await count(world) == 0


async def test_what_a_mint_says_of_itself_is_asked_once(world: World) -> None:
    for _ in range(3):
        await order(world)
    assert the_mint(world).calls["info"] == 1
