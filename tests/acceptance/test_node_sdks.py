"""The official ``openai`` and ``@anthropic-ai/sdk`` for Node.js see no difference but the cost.

They need Node.js and npm, which fetches them: ``make acceptance``. Where one is missing or fetches
nothing, the test is reported as not run.
"""

import json
from base64 import b64decode
from pathlib import Path
from typing import Any, Final

import pytest

from devkit.mint import Mint
from devkit.payer import Payer
from devkit.prices import (
    CHARACTER_MSAT,
    COMPLETION_MSAT,
    IMAGE_MSAT,
    PROMPT_MSAT,
    SECOND_MSAT,
)
from devkit.upstream import answer
from devkit.upstream.media import PICTURE, SECONDS, SOUND
from tests.acceptance.npm import installed, run
from tests.integration.money.house import TALK_MSAT, open_house

pytestmark = [pytest.mark.node, pytest.mark.mint]

SCRIPTS: Final = Path(__file__).parent / "node_sdks"
WORDS: Final = "This is a played answer."
DEPOSIT_SAT: Final = 1_000
READ_MSAT: Final = 1 + 12 * PROMPT_MSAT
USUAL_MSAT: Final = READ_MSAT + 6 * COMPLETION_MSAT
SPOKEN_MSAT: Final = 1 + 5 * CHARACTER_MSAT
HEARD_MSAT: Final = 1 + SECONDS * SECOND_MSAT
USAGE: Final = {"prompt_tokens": 12, "completion_tokens": 6, "total_tokens": 18}
CALL: Final = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city": "Rome"}'},
}


def calling() -> dict[str, Any]:
    """A completion that calls a tool."""
    message = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    head = {"id": "c", "object": "chat.completion", "created": 1, "model": "good"}
    return {**head, "choices": [choice], "usage": USAGE}


def calling_streamed() -> bytes:
    """The same in pieces."""
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "good"}
    deltas: list[dict[str, Any]] = [
        {
            "role": "assistant",
            "tool_calls": [{**CALL, "index": 0, "function": {"name": "weather"}}],
        },
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"city": '}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '"Rome"}'}}]},
        {},
    ]
    chunks: list[dict[str, Any]] = [
        {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
        for delta in deltas
    ]
    chunks[-1]["choices"][0]["finish_reason"] = "tool_calls"
    chunks.append({**head, "choices": [], "usage": USAGE})
    return b"".join(b"data: %s\n\n" % json.dumps(one).encode() for one in chunks) + (
        b"data: [DONE]\n\n"
    )


async def test_the_official_clients_see_no_difference_but_the_cost(tmp_path: Path) -> None:
    folder = await installed(SCRIPTS, tmp_path / "node_sdks")
    mint = await Mint.start(tmp_path / "mint")
    try:
        url = f"sqlite:///{tmp_path / 'routstr.db'}"
        async with open_house(tmp_path, url, [mint.url]) as house, Payer(mint.url) as payer:
            key = await house.client.new_key(await payer.token(DEPOSIT_SAT))
            streamed = answer(200, calling_streamed(), {"Content-Type": "text/event-stream"})
            house.upstream.next(answer(200, calling()), streamed)
            status, told = await run("node", "talk.mjs", house.node.base_url, key, folder=folder)
            assert status == 0, told
            seen: dict[str, Any] = json.loads(told.splitlines()[-1])
            check(seen)
            await house.client.wait_for_hold(key, held=False)
            assert await house.client.balance(key) == (DEPOSIT_SAT * 1_000 - SPENT_MSAT, 0)
            outcome = await house.audit()
            assert outcome.holds, [one for one in outcome.checks if not one.holds]
    finally:
        await mint.stop()


SPENT_MSAT: Final = (
    9 * USUAL_MSAT
    + READ_MSAT
    + 1
    + 2 * IMAGE_MSAT
    + 1
    + IMAGE_MSAT
    + SPOKEN_MSAT
    + HEARD_MSAT
    + TALK_MSAT
)
"""Two calls of tools, three chats, two responses and two messages; then all the others."""


def check(seen: dict[str, Any]) -> None:
    """What the clients understood."""
    assert seen["tools"] == {"call": CALL, "cost": USUAL_MSAT}
    assert seen["toolsStreamed"] == CALL["function"]
    assert seen["chat"] == {"words": WORDS, "tokens": [12, 6], "cost": USUAL_MSAT}
    assert seen["chatStreamed"] == {"words": WORDS, "cost": USUAL_MSAT}
    assert seen["chatHelper"] == {"words": WORDS}
    assert seen["response"] == {"words": WORDS, "cost": USUAL_MSAT}
    assert seen["responseStreamed"] == {"words": WORDS}
    assert seen["embeddings"] == {"sizes": [3, 3], "cost": READ_MSAT}
    assert [b64decode(one) for one in seen["pictures"]["data"]] == [PICTURE, PICTURE]
    assert seen["pictures"]["cost"] == 1 + 2 * IMAGE_MSAT
    assert seen["edited"] == 1
    assert b64decode(seen["speech"]) == SOUND
    assert seen["heard"] == WORDS
    assert seen["message"] == {"words": WORDS, "tokens": [12, 6], "cost": USUAL_MSAT}
    assert seen["messageStreamed"] == {"words": WORDS}
    assert seen["models"] is True
    assert seen["refused"] == {"known": True, "status": 400, "code": "model_not_found"}
    assert seen["realtime"] == {"words": WORDS, "cost": TALK_MSAT}
