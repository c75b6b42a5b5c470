from collections.abc import AsyncIterator

import pytest

from tests.integration.core.db.things import Things


@pytest.fixture
async def things(database_url: str) -> AsyncIterator[Things]:
    """A table of unique names in an empty database, and databases that write to it."""
    async with Things(database_url) as things:
        yield things
