"""Real services for the integration tests; each xdist worker has its own.

Servers live as long as the session; a database, an upstream and nodes as long as a test. What is
not installed fails with the line that installs it: nothing is skipped in silence.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest
from pytest_socket import socket_allow_hosts

from devkit.environment import name_nurseries, nursery
from devkit.mint import Mint, MintOptions
from devkit.node import Node, StartNode, settings
from devkit.nursing import Nurse
from devkit.payer import Payer
from devkit.ports import LOOPBACK
from devkit.postgres import Postgres
from devkit.prices import BTC_USD, NO_FEES, write_models
from devkit.processes import ServiceFailed
from devkit.redis import RedisServer
from devkit.upstream import PLAYS, Upstream

T = TypeVar("T")

SLOW: Final = frozenset(
    {
        *("bounds/test_clock_jumps.py", "bounds/test_database_restart.py", "cli/test_wallet.py"),
        *("money/test_closed_deposits.py", "money/test_lightning_out_trouble.py"),
        *("money/test_parallel.py", "money/test_parallel_lightning.py"),
        *("money/test_x_cashu_sabotage.py", "money/test_x_cashu_trouble.py"),
        *("money/test_lightning_in_trouble.py", "security/test_s12_races.py"),
        *("test_devkit_processes.py", "test_devkit_services.py"),
    }
)
"""Whole nodes again and again: ``make test ONLY=slow``."""

SLOW_ON_POSTGRES: Final = (
    *("lessons", "money", "security", "cli", "wallet/test_restore.py", "wallet/test_rotation.py"),
    "test_devkit_node.py",
    "bounds/test_hot_plans.py",
)
"""Tests with whole nodes or mints: the database makes no difference to them, as a rule."""

ON_BOTH: Final = frozenset(
    {
        *("money/test_balance.py", "money/test_paid.py", "money/test_send_refund.py"),
        "money/test_lightning_in.py",
    }
)
"""What is checked on PostgreSQL all the same."""


def pytest_configure(config: pytest.Config) -> None:
    """Nodes and mints are forked: a run's first process has the nurseries, its workers know."""
    if nursery("node") is not None or sys.platform != "linux":
        return
    nurse = run(Nurse.of_nodes_and_mints())
    name_nurseries(nurse.folder)
    config.add_cleanup(lambda: name_nurseries(None))
    config.add_cleanup(nurse.stop)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what takes longest; the usual checks leave it out."""
    here = Path(__file__).parent
    for item in items:
        if here not in item.path.parents:
            continue
        name = item.path.relative_to(here).as_posix()
        on_postgres = "postgres" in item.name or item.get_closest_marker("postgres") is not None
        doubled = on_postgres and name.startswith(SLOW_ON_POSTGRES) and name not in ON_BOTH
        if name in SLOW or doubled:
            item.add_marker(pytest.mark.slow)


def pytest_runtest_setup() -> None:
    """Loopback and Unix sockets only."""
    socket_allow_hosts([LOOPBACK], allow_unix_socket=True)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a step of a session fixture on a loop of its own; a failed service is told in words."""
    try:
        # a loop factory leaves the test's own current loop alone
        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            return runner.run(work)
    except ServiceFailed as failure:
        pytest.fail(str(failure), pytrace=False)


def serve_mint(folder: Path, options: MintOptions, name: str) -> Iterator[Mint]:
    mint = run(Mint.start(folder, options, name=name))
    yield mint
    run(mint.stop())


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis server that everybody leaves running; each node has names of its own there."""
    server = run(RedisServer.start(tmp_path_factory.mktemp("redis")))
    yield server
    run(server.stop())


@pytest.fixture(scope="session")
def mint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mint]:
    """A mint without fees, keyset ids of version 2, sat and msat."""
    yield from serve_mint(tmp_path_factory.mktemp("mint"), MintOptions(), "mint")


@pytest.fixture(scope="session")
def second_mint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mint]:
    """Another mint like :func:`mint`, with keys of its own."""
    yield from serve_mint(tmp_path_factory.mktemp("second-mint"), MintOptions(), "second mint")


@pytest.fixture(scope="session")
def fee_mint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mint]:
    """A mint that takes 100 thousandths of a unit per input (NUT-02)."""
    yield from serve_mint(tmp_path_factory.mktemp("fee-mint"), MintOptions(fee_ppk=100), "fee mint")


@pytest.fixture(scope="session")
def old_mint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mint]:
    """A mint with keyset ids of version 1 and fees."""
    options = MintOptions(version="0.19", fee_ppk=100)
    yield from serve_mint(tmp_path_factory.mktemp("old-mint"), options, "old mint")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    server = run(Postgres.start())
    yield server
    run(server.stop())


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database; a test that asks for it runs on SQLite and on PostgreSQL.

    One of them: ``@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)``.
    """
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'routstr.db'}"
        return
    server: Postgres = request.getfixturevalue("postgres")
    url = server.create_database()
    yield url
    server.drop_database(url)


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    """A provider that we play; behaves well until told otherwise."""
    async with Upstream() as playing:
        yield playing


@pytest.fixture
async def payer(mint: Mint) -> AsyncIterator[Payer]:
    """A payer's own wallet at :func:`mint`."""
    async with Payer(mint.url) as wallet:
        yield wallet


@pytest.fixture
async def start_node(
    tmp_path: Path, mint: Mint, upstream: Upstream, database_url: str
) -> AsyncIterator[StartNode]:
    """Nodes on :func:`mint` and :func:`upstream` that sell every play at the prices of devkit.

    Those started in one test share database and key; each has a folder of its own.
    """
    models = write_models(tmp_path / "models.json", PLAYS)
    usual = settings(mints=[mint.url], upstream=upstream.base_url, models=models, btc_usd=BTC_USD)
    shared = {
        "DATABASE_URL": database_url,
        "ROUTSTR_SECRET_KEY_FILE": str(tmp_path / "routstr_secret.key"),
    }
    started: list[Node] = []

    async def start(more: Mapping[str, str] | None = None, *, healthy: bool = True) -> Node:
        folder = tmp_path / f"node-{len(started) + 1}"
        everything = {**usual, **NO_FEES, **shared, **(more or {})}
        started.append(await Node.start(folder, everything, healthy=healthy))
        return started[-1]

    yield start
    for node in started:
        await node.stop(grace_s=5)  # in good order, so that a measured run is recorded
