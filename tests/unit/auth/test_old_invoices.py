from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from routstr.auth.invoice_status import Status
from routstr.auth.invoices import Invoices, Wish
from routstr.auth.old_invoices import OldInvoices
from routstr.auth.service import KeyCompletion
from routstr.errors import InvoiceNotFound
from routstr.payment.audit import audit
from routstr.payment.deposits import LIGHTNING_CREATE, PaidCompletion
from routstr.wallet.mint_errors import MintDown
from tests.unit.wallet.ordering import open_orders, pass_time, the_mint
from tests.unit.wallet.world import KEY, World

DAY_S = 86_400
KEEP_DAYS = 30


async def admitted() -> None:
    return


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_orders(tmp_path) as world:
        completion = PaidCompletion(KeyCompletion(world.clock))
        world.house.wallet.register(LIGHTNING_CREATE, completion)
        yield world
        outcome = await world.db.read(audit)
        assert outcome.holds, outcome.checks


@pytest.fixture
def invoices(world: World) -> Invoices:
    wallet = world.house.wallet
    return Invoices(world.db, wallet, KEY, world.clock, admitted=admitted, open_max=9)


@pytest.fixture
def old(world: World) -> OldInvoices:
    return OldInvoices(world.db, world.house.wallet, world.clock, KEEP_DAYS)


async def given_up(world: World, invoices: Invoices) -> str:
    """An invoice that nobody paid within a week of its expiry."""
    invoice_id, _ = await invoices.create(Wish(11, "192.0.2.7"))
    pass_time(world, seconds=8 * DAY_S)
    assert (await invoices.status(invoice_id)).status is Status.EXPIRED
    return invoice_id


async def rows(world: World) -> tuple[int, int]:
    return (
        await world.scalar("SELECT count(*) FROM invoices"),
        await world.scalar("SELECT count(*) FROM mint_quotes"),
    )


async def test_what_nobody_paid_is_forgotten_when_its_time_is_over(
    world: World, invoices: Invoices, old: OldInvoices
) -> None:
    invoice_id = await given_up(world, invoices)
    assert await old.forget() == 0, "it expired a week ago"
    pass_time(world, seconds=KEEP_DAYS * DAY_S)
    asked = the_mint(world).calls["mint_quote_state"]
    assert await old.forget() == 1
    assert the_mint(world).calls["mint_quote_state"] == asked + 1
    assert await rows(world) == (0, 0)
    with pytest.raises(InvoiceNotFound):
        await invoices.status(invoice_id)


async def test_what_was_paid_after_all_is_credited_and_stays(
    world: World, invoices: Invoices, old: OldInvoices
) -> None:
    invoice_id = await given_up(world, invoices)
    pass_time(world, seconds=KEEP_DAYS * DAY_S)
    the_mint(world).pay()
    assert await old.forget() == 0
    found = await invoices.status(invoice_id)
    assert found.status is Status.PAID
    assert found.api_key is not None
    pass_time(world, seconds=10 * KEEP_DAYS * DAY_S)
    assert await old.forget() == 0
    assert await rows(world) == (1, 1)


async def test_an_invoice_whose_mint_does_not_answer_stays(
    world: World, invoices: Invoices, old: OldInvoices
) -> None:
    await given_up(world, invoices)
    pass_time(world, seconds=KEEP_DAYS * DAY_S)
    the_mint(world).broken["mint_quote_state"] = MintDown("away")
    assert await old.forget() == 0
    assert await rows(world) == (1, 1)
    the_mint(world).broken.clear()
    assert await old.forget() == 1


async def test_an_invoice_that_nobody_asked_about_since_its_expiry_stays(
    world: World, invoices: Invoices, old: OldInvoices
) -> None:
    await invoices.create(Wish(11, "192.0.2.7"))
    pass_time(world, seconds=10 * KEEP_DAYS * DAY_S)
    assert await old.forget() == 0, "no mint has called it unpaid yet"


async def test_a_pass_goes_on_where_the_last_one_ended(world: World, invoices: Invoices) -> None:
    old = OldInvoices(world.db, world.house.wallet, world.clock, KEEP_DAYS, at_once=1)
    kept, gone = await given_up(world, invoices), await given_up(world, invoices)
    pass_time(world, seconds=KEEP_DAYS * DAY_S)
    the_mint(world).broken["mint_quote_state"] = MintDown("away")
    assert await old.forget() == 0
    the_mint(world).broken.clear()
    assert [await old.forget() for _ in range(2)] == [1, 0]
    assert (await invoices.status(kept)).status is Status.EXPIRED
    with pytest.raises(InvoiceNotFound):
        await invoices.status(gone)
    assert await old.forget() == 1
