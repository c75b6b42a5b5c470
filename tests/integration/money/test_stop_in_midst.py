"""A node that stops while requests are under way tells their clients what became of the money."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec

from devkit.mint import Mint
from devkit.payer import Payer
from devkit.prices import COMPLETION_MSAT, PROMPT_MSAT
from devkit.upstream import Reply, Shape, chat
from tests.integration.money.house import open_house

DRAIN_S = 2
WORDS = tuple(f" word{n}" for n in range(40))


async def test_what_is_not_over_in_time_is_ended_charged_and_told(
    tmp_path: Path, mint: Mint
) -> None:
    gate = asyncio.Event()  # never opened
    async with (
        Payer(mint.url) as payer,
        open_house(
            tmp_path,
            f"sqlite:///{tmp_path / 'node.db'}",
            [mint.url],
            more={"DRAIN_SECONDS": str(DRAIN_S), "UPSTREAM_IDLE_SECONDS": "60"},
        ) as house,
    ):
        client = house.client
        key = await client.new_key(await payer.token(100))
        streamed = chat(Reply(words=WORDS), Shape(gate_after=10, gate=gate))
        house.upstream.next(streamed, streamed, chat(shape=Shape(gate=gate)))
        stream = asyncio.create_task(client.chat(key, stream=True, max_tokens=40))
        await asyncio.sleep(0.3)
        by_token = asyncio.create_task(
            client.pay(await payer.token(100), stream=True, max_tokens=40)
        )
        await asyncio.sleep(0.3)
        whole = asyncio.create_task(client.chat(key))
        await asyncio.sleep(0.3)
        assert await house.node.stop(grace_s=20) == 0
        log = house.node.output()

        part = (await stream).body.decode()
        cost, error = events(part)[-2:]
        charged = cost["usage"]["cost"]["total_msats"]
        assert PROMPT_MSAT < charged < 40 * COMPLETION_MSAT
        assert error["error"]["code"] == "shutting_down"
        assert error["error"]["message"] == (
            "The node is shutting down. What was delivered is charged."
        )
        assert "[DONE]" not in part

        *_, error = events((await by_token).body.decode())
        assert error["error"]["code"] == "shutting_down"
        assert error["error"]["refund_token"].startswith("cashuB")

        refused = await whole
        assert refused.error == (503, "service_unavailable", "shutting_down")
        assert "Nothing was charged" in refused.message

        assert "Exception in ASGI" not in log
        await house.node.restart()
        assert await client.balance(key) == (100_000 - charged, 0)
        assert (await house.node.command("verify")).status == 0


def events(text: str) -> list[dict[str, Any]]:
    data = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: {")]
    return [msgspec.json.decode(one) for one in data]
