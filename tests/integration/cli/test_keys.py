"""The operator's commands about keys, beside a running node with ecash in it."""

import json
from pathlib import Path
from typing import Any

import pytest

from devkit.mint import Mint
from devkit.payer import Payer
from tests.integration.money.house import House, open_house

pytestmark = [pytest.mark.slow, pytest.mark.mint]


async def say(house: House, *words: str, stdin: str = "") -> Any:
    done = await house.node.speak(*words, "--json", stdin=stdin)
    assert done.status == 0, done
    return json.loads(done.output)


async def test_an_operator_makes_credits_empties_and_ends_keys(tmp_path: Path, mint: Mint) -> None:
    url = f"sqlite:///{tmp_path / 'routstr.db'}"
    async with open_house(tmp_path, url, [mint.url]) as house, Payer(mint.url) as payer:
        await say(house, "wallet", "import", "-", stdin=await payer.token(100))
        made = await say(
            house, "keys", "create", "--token-file", "-", "--name", "mine",
            stdin=await payer.token(50),
        )  # fmt: skip
        assert made["balance"] == 50_000
        assert await house.client.balance(made["api_key"]) == (50_000, 0)
        key = made["id"]

        topup = ("keys", "topup", key, "30000", "--name-call", "gift")
        assert [(await say(house, *topup))["repeated"] for _ in range(2)] == [False, True]
        shown = await say(house, "keys", "set", key, "--note", "a friend", "--limit", "70000")
        assert (shown["note"], shown["balance"], shown["limit"]["cap"]) == (
            "a friend", 80_000, 70_000,
        )  # fmt: skip
        given = await say(house, "keys", "withdraw", key, "--amount", "20")
        assert await payer.redeem(given["token"]) == 20
        ended = await say(house, "keys", "revoke", key)
        assert await payer.redeem(ended["token"]["token"]) == 60
        assert (await house.client.info(made["api_key"])).status == 401
        (listed,) = (await say(house, "keys", "list", "--which", "revoked"))["keys"]
        assert (listed["id"], listed["balance"]) == (key, 0)
        assert (await house.audit()).holds
