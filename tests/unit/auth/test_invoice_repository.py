from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from routstr.auth import invoice_repository
from routstr.core.db import Tx
from routstr.wallet.models import QuoteState
from routstr.wallet.quotes import Quote, close
from tests.unit.wallet.invoices import CREATED
from tests.unit.wallet.ordering import open_orders, order
from tests.unit.wallet.world import World

NOW = CREATED * 1_000
CLIENT, OTHER = b"client", b"other"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_orders(tmp_path) as world:
        yield world


async def invoice(world: World, claim: bytes, client: bytes = CLIENT) -> Quote:
    quote = await order(world)

    def add(tx: Tx) -> None:
        expires_at = quote.expires_at
        invoice_repository.add(tx, quote.id, claim=claim, client=client, expires_at=expires_at)

    await world.db.write(add)
    return quote


async def count(world: World, client: bytes = CLIENT, now: int = NOW) -> int:
    return await world.db.read(lambda c: invoice_repository.count_open(c, client, now))


async def test_an_invoice_is_found_by_its_claim_and_its_payment(world: World) -> None:
    quote = await invoice(world, b"claim")
    found = await world.db.read(lambda c: invoice_repository.find(c, b"claim"))
    paying = await world.db.read(lambda c: invoice_repository.of_payment(c, quote.payment_hash))
    assert found == paying == quote.id
    assert await world.db.read(lambda c: invoice_repository.find(c, b"clain")) is None
    assert await world.db.read(lambda c: invoice_repository.of_payment(c, bytes(32))) is None


async def test_a_claim_is_given_once(world: World) -> None:
    first, other = await invoice(world, b"claim"), await order(world)

    def add(tx: Tx) -> bool:
        return invoice_repository.add(
            tx, other.id, claim=b"claim", client=CLIENT, expires_at=other.expires_at
        )

    assert not await world.db.write(add)
    assert await world.db.read(lambda c: invoice_repository.find(c, b"claim")) == first.id


async def test_open_ones_are_counted_by_client_and_time_and_state(world: World) -> None:
    first = await invoice(world, b"1")
    await invoice(world, b"2")
    await invoice(world, b"3", OTHER)
    assert (await count(world), await count(world, OTHER), await count(world, b"x")) == (2, 1, 0)
    assert await count(world, now=first.expires_at) == 0
    await world.db.write(lambda tx: close(tx, first.id, QuoteState.LOST))
    assert await count(world) == 1
