from collections.abc import AsyncIterator

import pytest

from routstr.core.db import Database
from tests.unit.core.db.fake_backend import FakeBackend


@pytest.fixture
def backend() -> FakeBackend:
    return FakeBackend()


@pytest.fixture
async def db(backend: FakeBackend) -> AsyncIterator[Database]:
    db = Database("sqlite:///unused", backend)
    db.start()
    yield db
    await db.stop()


@pytest.fixture
async def impatient(backend: FakeBackend) -> AsyncIterator[Database]:
    """A database whose writer waits only 0.1 s for a backend that went away."""
    db = Database("sqlite:///unused", backend, reconnect_seconds=0.1)
    db.start()
    yield db
    await db.stop()
