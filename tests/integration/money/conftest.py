"""Two nodes, one on each database, that the tests here share; all run in one event loop.

Each test pays with keys of its own and leaves the books in order, which is checked after it.
"""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from devkit.lnurl import LnurlServer
from devkit.mint import Mint, MintOptions
from devkit.payer import Form, Payer
from devkit.ports import LOOPBACK
from devkit.postgres import Postgres
from devkit.relay import NostrRelay
from routstr.core.secret import Secret
from routstr.discovery.identity import Identity
from routstr.money import Msat, Unit
from tests.integration.conftest import serve_mint
from tests.integration.money.house import Client, House, open_house

GONE_MINT = f"http://{LOOPBACK}:9"
"""A mint that the node on SQLite lists and that nobody runs."""
NAME = "node.example.com"
"""The name that the node on SQLite announces; no name server knows it."""
ME = Identity(Secret("55" * 32))
"""The key with which it does."""
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
            item.add_marker(pytest.mark.mint)


@pytest.fixture(scope="session")
def old_free_mint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mint]:
    """A mint with keyset ids of version 1 and no fees."""
    folder = tmp_path_factory.mktemp("old-free-mint")
    yield from serve_mint(folder, MintOptions(version="0.19"), "old free mint")


@pytest.fixture(scope="session")
def mints(mint: Mint, fee_mint: Mint, old_mint: Mint, old_free_mint: Mint) -> dict[str, Mint]:
    """The mints that the shared nodes list, the first one preferred."""
    return {
        "mint": mint,
        "fee_mint": fee_mint,
        "old_mint": old_mint,
        "old_free_mint": old_free_mint,
    }


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def payers(mints: dict[str, Mint]) -> AsyncIterator[dict[str, Payer]]:
    """A payer at each of the mints."""
    made = {name: Payer(mint.url, stocks=True) for name, mint in mints.items()}
    for payer in made.values():
        await payer.__aenter__()
    yield made
    for payer in made.values():
        await payer.__aexit__()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def relay() -> AsyncIterator[NostrRelay]:
    """Where the node on SQLite announces itself, and reads."""
    async with NostrRelay() as relay:
        yield relay


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def sqlite_house(
    mints: dict[str, Mint], relay: NostrRelay, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    folder = tmp_path_factory.mktemp("sqlite-house")
    urls = [*(mint.url for mint in mints.values()), GONE_MINT]
    found = {
        "RELAYS": relay.url,
        "NSEC": ME.secret().reveal(),
        "HTTP_URL": f"http://{NAME}",
        "PROVIDERS_REFRESH_INTERVAL_SECONDS": "2",
    }
    database = f"sqlite:///{folder / 'routstr.db'}"
    async with open_house(folder, database, urls, more=found) as house:
        yield house
        assert house.leaks() == []


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def postgres_house(
    mints: dict[str, Mint], postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    folder = tmp_path_factory.mktemp("postgres-house")
    urls = [mint.url for mint in mints.values()]
    async with open_house(folder, postgres.create_database(), urls) as house:
        yield house
        assert house.leaks() == []


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def shared_house(request: pytest.FixtureRequest) -> House:
    """The shared node on the database that is named: ``on_sqlite``, else one after the other."""
    shared: House = request.getfixturevalue(f"{request.param}_house")
    return shared


@pytest_asyncio.fixture(loop_scope="session")
async def house(shared_house: House) -> AsyncIterator[House]:
    """A shared node; afterwards its books are verified, and no hold may be left."""
    yield shared_house
    outcome = await shared_house.audit()
    assert outcome.holds, [check for check in outcome.checks if not check.holds]
    assert await shared_house.rows("SELECT count(*) FROM holds WHERE state = 0") == [(0,)]


@pytest.fixture
def client(house: House) -> Client:
    return house.client


@dataclass(frozen=True, slots=True)
class Purse:
    """Where a test's money comes from: a mint and a unit."""

    payer: Payer
    mint: Mint
    unit: Unit

    @property
    def has_fee(self) -> bool:
        return bool(self.mint.options.fee_ppk)

    async def token(self, amount: int, *, form: Form = "B") -> str:
        return await self.payer.token(amount, self.unit, form=form)

    async def fee_msat(self, text: str) -> Msat:
        return self.unit.to_msat(await self.payer.fee(text))


CELLS = [
    ("sqlite", "mint", Unit.SAT),
    ("sqlite", "old_mint", Unit.SAT),
    ("sqlite", "fee_mint", Unit.MSAT),
    ("postgres", "mint", Unit.MSAT),
    ("postgres", "fee_mint", Unit.SAT),
    ("postgres", "old_free_mint", Unit.MSAT),
]
"""Every pair of database, keyset version, fee and unit."""

every_pair = pytest.mark.parametrize(
    ("shared_house", "purse"),
    [
        pytest.param(
            database,
            (mint, unit),
            id=f"{database}-{mint}-{unit}",
            marks=[pytest.mark.postgres] if database == "postgres" else [],
        )
        for database, mint, unit in CELLS
    ],
    indirect=True,
)
on_sqlite = pytest.mark.parametrize("shared_house", ["sqlite"], indirect=True)


@pytest.fixture
def purse(
    request: pytest.FixtureRequest, payers: dict[str, Payer], mints: dict[str, Mint]
) -> Purse:
    name, unit = getattr(request, "param", ("mint", Unit.SAT))
    return Purse(payers[name], mints[name], unit)


@pytest_asyncio.fixture(loop_scope="session")
async def bob() -> AsyncIterator[LnurlServer]:
    """Somebody with a Lightning address."""
    async with LnurlServer() as server:
        yield server
