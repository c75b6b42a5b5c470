"""A node on each database whose two mints stand behind proxies, shared by the tests here.

Tests carry the mark of the lesson that they prove, see docs/lessons.md. Whatever one of them did,
the books are verified after it, nothing is held or reserved any more, and the proxies are honest.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp
import msgspec
import pytest
import pytest_asyncio

from devkit.fault_proxy import FaultProxy
from devkit.faults import Answer, Forward
from devkit.mint import Mint
from devkit.payer import Payer
from devkit.postgres import Postgres
from routstr.money import Unit
from tests.integration.money.house import EXACT, EXACT_LIMIT, EXACT_MSAT, Client, House, open_house

HERE = Path(__file__).parent
DATABASES = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
LIMITS = {"UPSTREAM_FIRST_BYTE_SECONDS": "1"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
            item.add_marker(pytest.mark.mint)


@dataclass(frozen=True, slots=True)
class Shop:
    """A mint behind a proxy, and a payer who knows it by the proxy's address."""

    proxy: FaultProxy
    payer: Payer

    @property
    def url(self) -> str:
        return self.proxy.url

    def calls(self, path: str) -> int:
        """How often this path was called since the last reset, whoever called."""
        return sum(call.path == path for call in self.proxy.calls)


@dataclass(frozen=True, slots=True)
class Scene:
    """A node with its mints: ``mint`` is preferred, ``other`` is listed, ``dear`` has fees.

    ``late`` is the second address of ``other``, where msat come up late: once a test resets its
    proxy.
    """

    house: House
    mint: Shop
    other: Shop
    dear: Shop
    late: Shop

    @property
    def client(self) -> Client:
        return self.house.client

    @property
    def shops(self) -> tuple[Shop, ...]:
        return self.mint, self.other, self.dear, self.late

    async def key(self, amount: int, unit: Unit = Unit.SAT, *, shop: Shop | None = None) -> str:
        """A key that was paid for with a token of this amount."""
        text = await (shop or self.mint).payer.token(amount, unit)
        return await self.client.new_key(text)

    async def key_that_needs_change(self) -> tuple[str, int]:
        """A key from which a msat more than nothing was spent; what it gets back, in sat.

        All other ecash together is worth less: no refund of it goes without a swap.
        """
        amount = 1 << (await self.liquid(self.mint) + 2).bit_length()
        key = await self.key(amount)
        reply = await self.client.chat(key, EXACT, max_tokens=EXACT_LIMIT)
        assert reply.cost == EXACT_MSAT
        return key, amount - 1

    async def number(self, query: str) -> int:
        """The one number that the node's database answers."""
        ((found,),) = await self.house.rows(query)
        return int(found)

    async def liquid(self, shop: Shop, unit: Unit = Unit.SAT) -> int:
        """What the node could spend at a mint."""
        held = (await self.house.audit()).holdings
        return sum(one.liquid for one in held if (one.mint, one.unit) == (shop.url, unit))


@asynccontextmanager
async def open_scene(folder: Path, url: str, mints: list[Mint]) -> AsyncIterator[Scene]:
    async with AsyncExitStack() as stack:
        shops = []
        for mint in mints:
            proxy = await stack.enter_async_context(FaultProxy(mint.url))
            shops.append(Shop(proxy, await stack.enter_async_context(Payer(proxy.url))))
        house = await stack.enter_async_context(
            open_house(folder, url, [shop.url for shop in shops], more=LIMITS)
        )
        # no kept connections: one that the node closes at the wrong moment would be a fault of ours
        connector = aiohttp.TCPConnector(force_close=True)
        session = aiohttp.ClientSession(connector=connector, trust_env=False)
        house.client = Client(await stack.enter_async_context(session), house.node.url)
        yield Scene(house, *shops)
        assert house.leaks() == []


@pytest.fixture(scope="session")
def lesson_mints(mint: Mint, second_mint: Mint, fee_mint: Mint) -> list[Mint]:
    return [mint, second_mint, fee_mint, second_mint]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def sqlite_scene(
    lesson_mints: list[Mint], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Scene]:
    folder = tmp_path_factory.mktemp("sqlite-lessons")
    async with open_scene(folder, f"sqlite:///{folder / 'routstr.db'}", lesson_mints) as scene:
        yield scene


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def postgres_scene(
    lesson_mints: list[Mint],
    postgres: Postgres,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Scene]:
    folder = tmp_path_factory.mktemp("postgres-lessons")
    async with open_scene(folder, postgres.create_database(), lesson_mints) as scene:
        yield scene


@pytest.fixture(scope="module", params=DATABASES)
def shared_scene(request: pytest.FixtureRequest) -> Scene:
    shared: Scene = request.getfixturevalue(f"{request.param}_scene")
    return shared


async def only_sat(forward: Forward) -> Answer:
    """A fault: the mint lists its keysets without those of other units."""
    answer = await forward()
    keysets = [one for one in msgspec.json.decode(answer.body)["keysets"] if one["unit"] == "sat"]
    return replace(answer, body=msgspec.json.encode({"keysets": keysets}))


def forget_faults(scene: Scene) -> None:
    for shop in scene.shops:
        shop.proxy.reset()
    scene.late.proxy.plan("/v1/keysets", only_sat, lasting=True)


@pytest_asyncio.fixture(loop_scope="session")
async def scene(shared_scene: Scene) -> AsyncIterator[Scene]:
    """The shared node on one database, then on the other."""
    forget_faults(shared_scene)
    yield shared_scene
    forget_faults(shared_scene)
    outcome = await shared_scene.house.audit()
    assert outcome.holds, [check for check in outcome.checks if not check.holds]
    assert await shared_scene.number("SELECT count(*) FROM holds WHERE state = 0") == 0
    assert await shared_scene.number("SELECT count(*) FROM sagas WHERE state = 0") == 0
    assert await shared_scene.number("SELECT count(*) FROM proofs WHERE status = 1") == 0


@pytest.fixture
def client(scene: Scene) -> Client:
    return scene.client
