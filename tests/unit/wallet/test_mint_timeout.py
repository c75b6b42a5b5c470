import asyncio

import aiohttp
import pytest

from routstr.wallet.mint import Mint
from routstr.wallet.mint_errors import MintUnclear
from routstr.wallet.mint_gate import MintGate
from tests.unit.wallet.fake_mint import FakeMint, Json


async def test_a_call_takes_no_longer_than_the_operator_allows(
    fake: FakeMint, session: aiohttp.ClientSession, gate: MintGate
) -> None:
    async def late(answer: Json) -> Json:
        await asyncio.sleep(0.5)
        return answer

    fake.twist["/v1/keysets"] = late
    hasty = Mint(fake.url, session, gate, timeout_s=0.05)
    with pytest.raises(MintUnclear):
        await hasty.keysets()
    assert await hasty.keysets(timeout_s=5), "a call may name a time of its own"
