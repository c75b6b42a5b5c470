"""The example client says what is wrong before any money moves."""

import aiohttp
import pytest

from examples.find_and_pay import buy, find


async def test_what_is_no_token_and_a_relay_that_is_gone_are_told() -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(ValueError, match="A Cashu token starts with"):
            await buy(session, "ws://127.0.0.1:1", "nonsense", "Why?")
        with pytest.raises(LookupError, match=r"relay ws://127\.0\.0\.1:1 does not answer"):
            await find(session, "ws://127.0.0.1:1", insecure=True)
