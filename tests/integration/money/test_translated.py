"""A provider that speaks chat completions only sells messages and responses for real money."""

import json
from pathlib import Path
from typing import Any

import pytest
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI

from devkit.mint import Mint
from devkit.payer import Payer
from devkit.prices import COMPLETION_MSAT, PROMPT_MSAT
from devkit.upstream import answer
from tests.integration.money.house import QUESTION, House, open_house

WORDS = "This is a played answer."
USUAL_MSAT = 1 + 12 * PROMPT_MSAT + 6 * COMPLETION_MSAT


async def with_anthropic_s_sdk(base: str, key: str) -> None:
    async with AsyncAnthropic(base_url=base, api_key=key, max_retries=0) as sdk:
        asked: Any = {"model": "good", "max_tokens": 100, "messages": QUESTION}
        whole = await sdk.messages.create(**asked)
        assert [block.text for block in whole.content if block.type == "text"] == [WORDS]
        async with sdk.messages.stream(**asked) as stream:
            assert await stream.get_final_text() == WORDS
            assert (await stream.get_final_message()).usage.input_tokens == 12


async def with_openai_s_sdk(base: str, key: str) -> None:
    async with AsyncOpenAI(base_url=f"{base}/v1", api_key=key, max_retries=0) as sdk:
        whole = await sdk.responses.create(model="good", input="Say something.")
        assert whole.output_text == WORDS
        async with sdk.responses.stream(model="good", input="Say something.") as stream:
            assert (await stream.get_final_response()).output_text == WORDS


async def pay_for_one_stream(house: House, payer: Payer) -> None:
    body = {"model": "good", "max_tokens": 20, "messages": QUESTION, "stream": True}
    headers = {"X-Cashu": await payer.token(16)}
    paid = await house.client.call("POST", "/v1/messages", headers=headers, json=body)
    assert paid.status == 200
    cost = json.loads(paid.body.decode().split("event: cost\ndata: ")[1])
    routstr = cost["metadata"]["routstr"]
    charged = routstr["cost"]["total_msats"]
    assert charged == USUAL_MSAT
    assert routstr["change_msats"] + routstr["unrefunded_msats"] + charged == 16_000
    assert await payer.redeem(routstr["change"]) * 1_000 == routstr["change_msats"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_it_costs_what_a_chat_completion_costs(
    tmp_path: Path, database_url: str, mint: Mint
) -> None:
    async with (
        open_house(tmp_path, database_url, [mint.url]) as house,
        Payer(mint.url) as payer,
    ):
        key = await house.client.new_key(await payer.token(100))
        house.upstream.next(answer(404, {"detail": "Not Found"}))
        await with_anthropic_s_sdk(house.node.url, key)
        house.upstream.next(answer(404, {"detail": "Not Found"}))
        await with_openai_s_sdk(house.node.url, key)
        assert await house.client.balance(key) == (100_000 - 4 * USUAL_MSAT, 0)
        await pay_for_one_stream(house, payer)
        paths = [request.path for request in house.upstream.requests]
        chats = ["/v1/chat/completions"] * 2
        assert paths == ["/v1/messages", *chats, "/v1/responses", *chats, chats[0]]
        outcome = await house.audit()
        assert outcome.holds, [check for check in outcome.checks if not check.holds]
        assert house.leaks() == []
