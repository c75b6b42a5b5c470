from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routstr.money import Unit
from routstr.wallet import quotes
from routstr.wallet.models import QuoteState
from routstr.wallet.quotes import ASK_PAUSE_MS, GIVE_UP_MS, GRACE_MS, Quote, is_over, pause_s
from tests.unit.wallet.invoices import CREATED
from tests.unit.wallet.ordering import open_orders, order, pass_time
from tests.unit.wallet.world import KEY, World

NOW = CREATED * 1_000
QUOTE = Quote(
    id=1,
    mint="https://mint.example",
    unit=Unit.SAT,
    amount=8,
    mint_id="secret",
    lock_index=None,
    request="lnbc1",
    payment_hash=bytes(32),
    expires_at=NOW + 3_600_000,
    state=QuoteState.UNPAID,
    purpose="test",
    account=None,
    context={},
    polls=0,
    saga=None,
    created_at=NOW,
    paid_at=None,
)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_orders(tmp_path) as world:
        yield world


def after(polls: int, *, now: int = NOW, listened: bool = False) -> int:
    return pause_s(msgspec.structs.replace(QUOTE, polls=polls), now, listened=listened)


def test_a_new_invoice_is_asked_about_often_and_then_less() -> None:
    pauses = [after(polls) for polls in range(20)]
    assert pauses[:4] == [1, 2, 3, 5]
    assert pauses[-1] == 60
    assert all(before <= later for before, later in pairwise(pauses))


def test_one_that_the_mint_tells_of_is_asked_about_seldom() -> None:
    assert after(0, listened=True) == 60


def test_after_its_expiry_it_is_asked_about_for_a_day_and_rarely_for_a_week() -> None:
    assert after(3, now=QUOTE.expires_at + 1) == 600
    assert after(3, now=QUOTE.expires_at + GRACE_MS) == 600
    assert after(3, now=QUOTE.expires_at + GRACE_MS + 1) == 6 * 3_600
    assert not is_over(QUOTE, QUOTE.expires_at + GIVE_UP_MS)
    assert is_over(QUOTE, QUOTE.expires_at + GIVE_UP_MS + 1)


@given(polls=st.integers(0, 10_000), late_ms=st.integers(-(10**9), 10**10), listened=st.booleans())
def test_there_is_always_a_pause(polls: int, late_ms: int, listened: bool) -> None:
    assert 1 <= after(polls, now=QUOTE.expires_at + late_ms, listened=listened) <= 6 * 3_600


async def due(world: World, *mints: str, limit: int = 10) -> list[int]:
    now = world.clock.now_ms()
    where = mints or (world.mint.url,)
    return await world.db.read(lambda c: quotes.due(c, where, now, limit))


async def claim(world: World, quote: Quote, *, poll_at: int | None = None) -> bool:
    now = world.clock.now_ms()
    return await world.db.write(
        lambda tx: quotes.claim_question(tx, quote.id, now, poll_at=poll_at)
    )


async def test_a_new_quote_is_due_after_a_second(world: World) -> None:
    quote = await order(world)
    assert await due(world) == []
    pass_time(world, seconds=1)
    assert await due(world) == [quote.id]


async def test_only_quotes_at_listed_mints_are_due(world: World) -> None:
    await order(world)
    pass_time(world)
    assert await due(world, "https://other.example") == []


async def test_those_that_wait_longest_come_first(world: World) -> None:
    first = await order(world)
    pass_time(world)
    second = await order(world)
    pass_time(world)
    assert await due(world) == [first.id, second.id]
    assert await due(world, limit=1) == [first.id]


async def test_one_of_many_has_the_turn(world: World) -> None:
    quote = await order(world)
    pass_time(world)
    now = world.clock.now_ms()
    assert [await claim(world, quote, poll_at=now + 5_000) for _ in range(3)] == [
        True,
        False,
        False,
    ]
    assert await due(world) == []
    assert (await world.house.wallet.quote(quote.id)).polls == 1
    pass_time(world, seconds=5)
    assert await due(world) == [quote.id]


async def test_a_client_s_question_leaves_the_turn_as_it_is(world: World) -> None:
    quote = await order(world)
    pass_time(world)
    assert await claim(world, quote)
    assert await due(world) == [quote.id]
    assert (await world.house.wallet.quote(quote.id)).polls == 0


async def test_a_hint_makes_it_due_as_soon_as_may_be(world: World) -> None:
    quote = await order(world)
    pass_time(world)
    now = world.clock.now_ms()
    await claim(world, quote, poll_at=now + 60_000)
    await world.db.write(lambda tx: quotes.hasten(tx, quote.id))
    assert await due(world) == []
    pass_time(world, seconds=ASK_PAUSE_MS / 1_000)
    assert await due(world) == [quote.id]


async def test_a_quote_has_one_saga_at_a_time(world: World) -> None:
    quote = await order(world)
    begun = [
        await world.db.write(lambda tx: quotes.begin(tx, quote.id, None, 5))  # type: ignore[arg-type]
        for _ in range(2)
    ]
    assert begun == [True, False]
    assert await due(world) == []
    assert not await claim(world, quote)


async def test_a_quote_that_a_saga_has_is_not_closed(world: World) -> None:
    quote = await order(world)
    await world.db.write(lambda tx: quotes.begin(tx, quote.id, None, 5))  # type: ignore[arg-type]
    await world.db.write(lambda tx: quotes.close(tx, quote.id, QuoteState.EXPIRED))
    found = await world.db.read(lambda c: quotes.load(c, KEY, quote.id))
    assert (found.state, found.paid_at) == (QuoteState.PAID, 5)


def test_what_is_secret_of_a_quote_is_not_shown() -> None:
    assert "secret" not in repr(QUOTE)
