from collections.abc import AsyncIterator

import aiohttp
import pytest

from routstr.core.clock import ManualClock
from routstr.wallet.mint import Mint
from routstr.wallet.mint_gate import MintGate
from tests.unit.wallet.fake_mint import FakeMint


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def fake() -> AsyncIterator[FakeMint]:
    async with FakeMint() as fake:
        yield fake


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def gate(clock: ManualClock) -> MintGate:
    return MintGate(clock)


@pytest.fixture
def mint(fake: FakeMint, session: aiohttp.ClientSession, gate: MintGate) -> Mint:
    return Mint(fake.url, session, gate)
