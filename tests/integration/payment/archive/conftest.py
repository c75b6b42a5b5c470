"""A bank on either database, and what its books agree with is asked by the tests themselves."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.ledger.bank import Bank
from tests.integration.ledger.conftest import migrated_file, migrated_url, url

__all__ = ["migrated_file", "migrated_url", "url"]


@pytest.fixture
async def bank(url: str) -> AsyncIterator[Bank]:
    async with Bank(url) as bank:
        yield bank
