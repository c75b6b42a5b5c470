"""Databases with this version's schema, copied from one that was migrated once per session."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from devkit.postgres import Postgres
from routstr.core.db import migrate
from routstr.core.db.sqlite import create_file, database_path
from tests.integration.ledger.bank import Bank
from tests.integration.ledger.vandal import Books, fill

BOTH: Final = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    url = f"sqlite:///{tmp_path_factory.mktemp('migrated') / 'routstr.db'}"
    migrate.upgrade(url)
    return database_path(url)


@pytest.fixture(scope="session")
def migrated_url(postgres: Postgres) -> str:
    url = postgres.create_database()
    migrate.upgrade(url)
    return url


@contextmanager
def migrated_copy(request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    """A migrated database of the kind that the fixture's parameter names."""
    if request.param == "sqlite":
        url = f"sqlite:///{folder / 'routstr.db'}"
        create_file(url)
        shutil.copyfile(request.getfixturevalue("migrated_file"), database_path(url))
        yield url
        return
    server: Postgres = request.getfixturevalue("postgres")
    url = server.create_database(copy_of=request.getfixturevalue("migrated_url"))
    yield url
    server.drop_database(url)


@pytest.fixture(params=BOTH)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A migrated database; a test that asks for it runs on SQLite and on PostgreSQL."""
    with migrated_copy(request, tmp_path) as url:
        yield url


@pytest.fixture
async def bank(url: str) -> AsyncIterator[Bank]:
    """Instances on one database; whatever the test did, its books agree in the end."""
    async with Bank(url) as bank:
        yield bank
        await bank.prove()


@pytest.fixture(scope="module", params=BOTH)
def books(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Books]:
    """Books with something of everything, for tests that break them and undo it."""
    with migrated_copy(request, tmp_path_factory.mktemp("books")) as url:
        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            runner.run(fill(url))
        books = Books(url)
        yield books
        books.close()
