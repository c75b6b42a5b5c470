"""What cells share: mints, a PostgreSQL server, migrated databases, the nursery."""

import asyncio
import shutil
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final, Literal, NamedTuple, Self

import aiohttp

from devkit.fault_proxy import FaultProxy
from devkit.lnurl import LnurlServer
from devkit.mint import Mint, MintOptions, Version
from devkit.node import settings
from devkit.payer import Payer
from devkit.postgres import Postgres
from devkit.prices import BTC_USD, NO_FEES, write_models
from devkit.upstream import Upstream
from routstr.money import Unit
from tests.crash.books import Books
from tests.crash.case import Case
from tests.crash.client import Client
from tests.crash.processes import Nodes

DatabaseName = Literal["sqlite", "postgres"]
_SECRET_KEY: Final = "5e" * 32


class Place(NamedTuple):
    """Where a cell happens."""

    database: DatabaseName
    mint: Version
    fee_ppk: int
    unit: Unit

    def __str__(self) -> str:
        return f"{self.database:8} {self.mint} fee {self.fee_ppk:<3} {self.unit.value:4}"


class World:
    """Starts each part when it is first needed and keeps it to the end. ``async with``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = AsyncExitStack()
        self._locks: defaultdict[object, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._payers: dict[tuple[Version, int], Payer] = {}
        self._postgres: Postgres | None = None
        self._templates: dict[DatabaseName, str] = {}
        self._number = 0
        self.inherited: list[float] = []
        """Seconds that another node took to end what a dead one left."""

    async def __aenter__(self) -> Self:
        self.nodes = await self._stack.enter_async_context(Nodes())
        self._models = write_models(self._folder / "models.json", ["good"])
        connector = aiohttp.TCPConnector(force_close=True)
        session = aiohttp.ClientSession(connector=connector, trust_env=False)
        self._session = await self._stack.enter_async_context(session)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @asynccontextmanager
    async def case(self, place: Place) -> AsyncIterator[Case]:
        """A fresh user, a fresh node's database, a proxy and an upstream; the node is not up."""
        payer = await self._payer(place)
        self._number += 1
        folder = self._folder / f"cell-{self._number}"
        folder.mkdir()
        url = await self._database(place.database, folder)
        async with (
            FaultProxy(payer.mint_url) as proxy,
            Upstream() as upstream,
            LnurlServer() as bob,
        ):
            case = Case(
                folder=folder,
                nodes=self.nodes,
                settings={
                    **settings(
                        mints=[proxy.url],
                        upstream=upstream.base_url,
                        models=self._models,
                        btc_usd=BTC_USD,
                    ),
                    **NO_FEES,
                    "DATABASE_URL": url,
                    "ROUTSTR_SECRET_KEY": _SECRET_KEY,
                    "LOG_DIR": str(folder / "logs"),
                },
                books=Books(url),
                proxy=proxy,
                payer=payer,
                unit=place.unit,
                fee_ppk=place.fee_ppk,
                client=Client(self._session),
                upstream=upstream,
                bob=bob,
                another_mint=lambda: self._other(place),
            )
            try:
                yield case
            finally:
                for node in filter(None, (case.node, *case.others)):
                    node.process.kill()
                    await node.process.end()
                if self._postgres is not None and place.database == "postgres":
                    # in a thread: the proxies of other cells go on meanwhile
                    await asyncio.to_thread(self._postgres.drop_database, url)

    def forget(self, case: Case) -> None:
        """Remove a cell's folder, once nobody needs its logs."""
        shutil.rmtree(case.folder, ignore_errors=True)

    async def _other(self, place: Place) -> str:
        other = place._replace(fee_ppk=0 if place.fee_ppk else 100)
        return (await self._payer(other)).mint_url

    async def _payer(self, place: Place) -> Payer:
        key = (place.mint, place.fee_ppk)
        async with self._locks[key]:
            if key not in self._payers:
                name = f"mint-{place.mint}-{place.fee_ppk}"
                options = MintOptions(version=place.mint, fee_ppk=place.fee_ppk)
                mint = await Mint.start(self._folder / name, options, name=name)
                self._stack.push_async_callback(mint.stop)
                payer = await self._stack.enter_async_context(Payer(mint.url, stocks=True))
                self._payers[key] = payer
        return self._payers[key]

    async def _database(self, name: DatabaseName, folder: Path) -> str:
        """A new database with the schema in it."""
        async with self._locks[name]:
            if name not in self._templates:
                self._templates[name] = await self._migrated(name)
        template = self._templates[name]
        if name == "postgres":
            assert self._postgres is not None, "the template is on it"
            return await asyncio.to_thread(self._postgres.create_database, copy_of=template)
        shutil.copy(template.removeprefix("sqlite:///"), folder / "routstr.db")
        return f"sqlite:///{folder / 'routstr.db'}"

    async def _migrated(self, name: DatabaseName) -> str:
        folder = self._folder / f"template-{name}"
        folder.mkdir()
        url = f"sqlite:///{folder / 'routstr.db'}"
        if name == "postgres":
            self._postgres = await Postgres.start()
            self._stack.push_async_callback(self._postgres.stop)
            url = self._postgres.create_database()
        done = await self.nodes.command(folder, {"DATABASE_URL": url}, "migrate")
        assert done.status == 0, done.output
        return url
