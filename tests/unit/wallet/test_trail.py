from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from routstr.wallet.models import SagaKind
from routstr.wallet.purse import mark_claimed
from routstr.wallet.trail import Trace, trail
from tests.unit.wallet.played_mint import PlayedMint
from tests.unit.wallet.signing import Signer
from tests.unit.wallet.world import World, open_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path, PlayedMint(Signer())) as world:
        yield world


async def test_a_saga_tells_its_mint_and_whether_its_token_is_redeemed(world: World) -> None:
    received = await world.house.receive(world.mint.token(8, 8))
    sent, _ = await world.house.send(8)
    ids = [received.id, sent.id, 999]

    async def read() -> dict[int, Trace]:
        return await world.db.read(lambda c: trail(c, ids))

    url = world.mint.url
    arrived = Trace(SagaKind.RECEIVE, url, None)
    assert await read() == {
        received.id: arrived,
        sent.id: Trace(SagaKind.SEND, url, claimed=False),
    }
    await world.db.write(lambda tx: mark_claimed(tx, sent.id, 5))
    assert await read() == {received.id: arrived, sent.id: Trace(SagaKind.SEND, url, claimed=True)}
