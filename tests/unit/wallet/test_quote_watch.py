import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from routstr.wallet.mint_errors import MintDown
from routstr.wallet.mint_socket import QuoteSocket
from routstr.wallet.mint_types import MintInfo
from routstr.wallet.models import QuoteState
from routstr.wallet.quote_watch import ASKING_MAX
from tests.unit.wallet.invoices import InvoiceMint
from tests.unit.wallet.ordering import minter, open_orders, order, pass_time, the_mint
from tests.unit.wallet.world import World


class PlayedSocket(QuoteSocket):
    """A connection over which the test speaks."""

    def __init__(self) -> None:
        self.watched: list[str] = []
        self.hints: asyncio.Queue[str | None] = asyncio.Queue()
        self.is_open = False

    async def __aenter__(self) -> Self:
        self.is_open = True
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.is_open = False

    async def watch(self, quote: str) -> None:
        self.watched.append(quote)

    async def next(self) -> str:
        told = await self.hints.get()
        if told is None:
            raise MintDown("the connection ended")
        return told


class TellingMint(InvoiceMint):
    """A mint that offers to tell of quotes."""

    def __init__(self) -> None:
        super().__init__()
        self.sockets = [PlayedSocket(), PlayedSocket()]
        self.opened = 0

    async def info(self, **_: float | None) -> MintInfo:
        known = await super().info()
        offer = {"method": "bolt11", "unit": "sat", "commands": ["bolt11_mint_quote"]}
        return MintInfo("", "", "", "", {**known.nuts, "17": {"supported": [offer]}})

    def quote_socket(self) -> QuoteSocket:
        self.opened += 1
        return self.sockets[self.opened - 1]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_orders(tmp_path) as world:
        yield world


@pytest.fixture
def telling() -> TellingMint:
    return TellingMint()


@pytest.fixture
async def told(tmp_path: Path, telling: TellingMint) -> AsyncIterator[World]:
    async with open_orders(tmp_path, telling) as world:
        yield world


@asynccontextmanager
async def listening(world: World) -> AsyncIterator[None]:
    task = asyncio.create_task(world.house.wallet.watch.listen(world.mint.url))
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110 - of tasks that the watch owns
            await asyncio.sleep(0.005)


async def turn(world: World, *, seconds: float = 2) -> None:
    """Some time later it asks about what is due, and has its answers."""
    pass_time(world, seconds=seconds)
    await world.house.wallet.watch.poll()
    await until(lambda: minter(world.house).asking == 0)


async def test_a_payment_is_noticed_without_anybody_asking(world: World) -> None:
    quote = await order(world)
    await turn(world)
    the_mint(world).pay()
    await turn(world)
    assert (await world.house.wallet.quote(quote.id)).state is QuoteState.ISSUED


async def test_the_pauses_grow(world: World) -> None:
    await order(world)
    for _ in range(30):
        await turn(world, seconds=1)
    assert the_mint(world).calls["mint_quote_state"] == 6  # after 1, 2, 4, 7, 12 and 20 seconds


async def test_a_few_are_asked_about_at_a_time(world: World) -> None:
    for _ in range(ASKING_MAX + 3):
        await order(world)
    pass_time(world)
    await world.house.wallet.watch.poll()
    assert minter(world.house).asking == ASKING_MAX
    await world.house.wallet.watch.poll()
    assert minter(world.house).asking == ASKING_MAX
    await until(lambda: minter(world.house).asking == 0)
    await turn(world, seconds=0)
    assert the_mint(world).calls["mint_quote_state"] == ASKING_MAX + 3


async def test_a_mint_that_is_away_is_asked_again_later(world: World) -> None:
    quote = await order(world)
    the_mint(world).broken["mint_quote_state"] = MintDown("no connection")
    await turn(world)
    the_mint(world).broken.clear()
    the_mint(world).pay()
    await turn(world)
    assert (await world.house.wallet.quote(quote.id)).state is QuoteState.ISSUED


async def test_what_the_mint_tells_is_looked_at_in_the_usual_way(
    told: World, telling: TellingMint
) -> None:
    quote = await order(told)
    (socket, _) = telling.sockets
    async with listening(told):
        await until(lambda: socket.watched == [quote.mint_id])
        await turn(told)
        await turn(told, seconds=30)
        assert telling.calls["mint_quote_state"] == 1, "seldom, because the mint tells"
        telling.pay()
        socket.hints.put_nowait(quote.mint_id)
        async with asyncio.timeout(5):
            while (await told.house.wallet.quote(quote.id)).state is not QuoteState.ISSUED:
                await turn(told)
    assert telling.calls["mint_quote_state"] == 2


async def test_a_new_quote_joins_the_connection(told: World, telling: TellingMint) -> None:
    first = await order(told)
    (socket, _) = telling.sockets
    async with listening(told):
        await until(lambda: len(socket.watched) == 1)
        second = await order(told)
        await until(lambda: len(socket.watched) == 2)
    assert socket.watched == [first.mint_id, second.mint_id]
    assert not socket.is_open


async def test_an_untrue_hint_credits_nothing(told: World, telling: TellingMint) -> None:
    quote = await order(told)
    (socket, _) = telling.sockets
    async with listening(told):
        await until(lambda: bool(socket.watched))
        socket.hints.put_nowait(quote.mint_id)
        socket.hints.put_nowait("never heard of")
        await until(socket.hints.empty)
        await turn(told)
    assert (await told.house.wallet.quote(quote.id)).state is QuoteState.UNPAID


async def test_a_connection_that_ends_is_made_again(told: World, telling: TellingMint) -> None:
    quote = await order(told)
    first, second = telling.sockets
    async with listening(told):
        await until(lambda: bool(first.watched))
        first.hints.put_nowait(None)
        await until(lambda: bool(second.watched))
    assert second.watched == [quote.mint_id]


async def test_a_mint_that_does_not_offer_it_is_not_connected_to(
    world: World, telling: TellingMint
) -> None:
    await order(world)
    async with listening(world):
        await asyncio.sleep(0.05)
        await turn(world)
    assert the_mint(world).calls["mint_quote_state"] == 1
    assert telling.opened == 0


async def test_without_anything_to_listen_for_there_is_no_connection(
    told: World, telling: TellingMint
) -> None:
    quote = await order(told)
    (socket, _) = telling.sockets
    async with listening(told):
        await until(lambda: bool(socket.watched))
        socket.hints.put_nowait(quote.mint_id)
        await until(lambda: not socket.is_open)
    assert telling.opened == 1


async def test_an_expired_quote_is_not_listened_for(told: World, telling: TellingMint) -> None:
    await order(told)
    pass_time(told, seconds=4_000)
    async with listening(told):
        await until(lambda: telling.opened == 1 and not telling.sockets[0].is_open)
    assert telling.sockets[0].watched == []
