"""Databases with this version's schema, copied from one that was migrated once per session."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from devkit.postgres import Postgres
from routstr.core.db import migrate
from routstr.core.db.sqlite import create_file, database_path
from tests.integration.ledger.bank import Bank


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


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A migrated database; a test that asks for it runs on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'routstr.db'}"
        create_file(url)
        shutil.copyfile(request.getfixturevalue("migrated_file"), database_path(url))
        yield url
        return
    server: Postgres = request.getfixturevalue("postgres")
    url = server.create_database(copy_of=request.getfixturevalue("migrated_url"))
    yield url
    server.drop_database(url)


@pytest.fixture
async def bank(url: str) -> AsyncIterator[Bank]:
    """Instances on one database; whatever the test did, its books agree in the end."""
    async with Bank(url) as bank:
        yield bank
        await bank.prove()
