"""The official SDKs see no difference but the cost, which is what the balance loses."""

from base64 import b64decode
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from anthropic import APIStatusError, AsyncAnthropic
from openai import AsyncOpenAI, NotFoundError

from devkit.prices import (
    CHARACTER_MSAT,
    COMPLETION_MSAT,
    IMAGE_MSAT,
    PROMPT_MSAT,
    SECOND_MSAT,
)
from devkit.upstream import refuse
from devkit.upstream.media import PICTURE, SECONDS, SOUND
from tests.integration.money.conftest import Purse
from tests.integration.money.house import Client, House

WORDS = "This is a played answer."
READ_MSAT = 1 + 12 * PROMPT_MSAT
USUAL_MSAT = READ_MSAT + 6 * COMPLETION_MSAT
DEPOSIT_MSAT = 100_000


@pytest_asyncio.fixture(loop_scope="session")
async def text(purse: Purse, house: House) -> str:
    token = await purse.token(DEPOSIT_MSAT // 1_000)
    house.client.secrets.add(token)
    return token


@pytest_asyncio.fixture(loop_scope="session")
async def openai(house: House, text: str) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=house.node.base_url, api_key=text, max_retries=0) as sdk:
        yield sdk


@pytest_asyncio.fixture(loop_scope="session")
async def anthropic(house: House, text: str) -> AsyncIterator[AsyncAnthropic]:
    """It adds ``/v1`` itself, and sends the key as ``x-api-key``."""
    base = house.node.base_url.removesuffix("/v1")
    async with AsyncAnthropic(base_url=base, api_key=text, max_retries=0) as sdk:
        yield sdk


def told(usage: Any) -> int:
    return int(usage.cost["total_msats"])


async def test_openai_responses(openai: AsyncOpenAI, client: Client, text: str) -> None:
    whole = await openai.responses.create(model="good", input="Say something.")
    assert whole.output_text == WORDS
    cost = told(whole.usage)
    said, last = "", None
    async with openai.responses.stream(model="good", input="Say something.") as stream:
        async for event in stream:
            if event.type == "response.output_text.delta":
                said += event.delta
        last = await stream.get_final_response()
    assert (said, last.output_text) == (WORDS, WORDS)
    assert last.usage is not None
    assert last.usage.output_tokens == 6
    assert cost == USUAL_MSAT
    assert await client.balance(text) == (DEPOSIT_MSAT - 2 * USUAL_MSAT, 0)


async def test_openai_reading(openai: AsyncOpenAI, client: Client, text: str) -> None:
    vectors = await openai.embeddings.create(
        model="good", input=["one", "two"], encoding_format="float"
    )
    assert [len(entry.embedding) for entry in vectors.data] == [3, 3]
    assert told(vectors.usage) == READ_MSAT
    verdict = await openai.moderations.create(model="good", input="Say something.")
    assert not verdict.results[0].flagged
    assert await client.balance(text) == (DEPOSIT_MSAT - 2 * READ_MSAT, 0)


async def test_openai_older_completions(openai: AsyncOpenAI, client: Client, text: str) -> None:
    whole = await openai.completions.create(model="good", prompt="Say something.")
    assert whole.choices[0].text == WORDS
    said = ""
    async for chunk in await openai.completions.create(
        model="good", prompt="Say something.", stream=True
    ):
        said += "".join(choice.text for choice in chunk.choices)
    assert said == WORDS
    assert await client.balance(text) == (DEPOSIT_MSAT - 2 * USUAL_MSAT, 0)


async def test_openai_pictures(openai: AsyncOpenAI, client: Client, text: str) -> None:
    made = await openai.images.generate(model="draws", prompt="A cat", n=2)
    assert [b64decode(one.b64_json or "") for one in made.data or ()] == [PICTURE, PICTURE]
    assert told(made.usage) == 1 + 2 * IMAGE_MSAT
    edited = await openai.images.edit(model="draws", image=("a.png", PICTURE), prompt="A hat")
    assert len(edited.data or ()) == 1
    events = await openai.images.generate(model="draws", prompt="A cat", stream=True)
    kinds = [event.type async for event in events]
    assert kinds == ["image_generation.partial_image", "image_generation.completed"]
    assert await client.balance(text) == (DEPOSIT_MSAT - 3 - 4 * IMAGE_MSAT, 0)


async def test_openai_sound(openai: AsyncOpenAI, client: Client, text: str) -> None:
    speech = await openai.audio.speech.create(model="speaks", input="Hello", voice="alloy")
    assert speech.content == SOUND
    async with openai.audio.speech.with_streaming_response.create(
        model="speaks", input="Hello", voice="alloy"
    ) as streamed:
        assert b"".join([piece async for piece in streamed.iter_bytes()]) == SOUND
    spent = 2 * (1 + 5 * CHARACTER_MSAT)
    heard = await openai.audio.transcriptions.create(model="hears", file=("a.mp3", SOUND))
    assert heard.text == WORDS
    plain = await openai.audio.transcriptions.create(
        model="hears", file=("a.mp3", SOUND), response_format="text"
    )
    assert plain == f"{WORDS}\n"
    with pytest.warns(DeprecationWarning, match=".+"):  # by newer kits
        translated = await openai.audio.translations.create(model="hears", file=("a.mp3", SOUND))
    assert translated.text == WORDS
    spent += 3 * (1 + SECONDS * SECOND_MSAT)
    assert await client.balance(text) == (DEPOSIT_MSAT - spent, 0)


async def test_openai_stored_responses(openai: AsyncOpenAI, client: Client, text: str) -> None:
    made = await openai.responses.create(model="good", input="Say something.")
    kept = await openai.responses.retrieve(made.id)
    assert kept.id == made.id
    await openai.responses.delete(made.id)
    with pytest.raises(NotFoundError):
        await openai.responses.retrieve(made.id)
    assert await client.balance(text) == (DEPOSIT_MSAT - USUAL_MSAT, 0)


async def test_anthropic_messages(anthropic: AsyncAnthropic, client: Client, text: str) -> None:
    asked: Any = {
        "model": "good",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": "Say something."}],
    }
    whole = await anthropic.messages.create(**asked)
    assert [block.text for block in whole.content if block.type == "text"] == [WORDS]
    assert (whole.usage.input_tokens, whole.usage.output_tokens) == (12, 6)
    said = ""
    async with anthropic.messages.stream(**asked) as stream:
        async for piece in stream.text_stream:
            said += piece
        last = await stream.get_final_message()
    assert said == WORDS
    assert last.usage.output_tokens == 6
    assert await client.balance(text) == (DEPOSIT_MSAT - 2 * USUAL_MSAT, 0)
    counted = await anthropic.messages.count_tokens(model="good", messages=asked["messages"])
    assert 0 < counted.input_tokens < 20
    assert await client.balance(text) == (DEPOSIT_MSAT - 2 * USUAL_MSAT, 0)


async def test_anthropic_s_sdk_reads_the_node_s_errors(
    anthropic: AsyncAnthropic, house: House, client: Client, text: str
) -> None:
    house.upstream.next(refuse(429))
    with pytest.raises(APIStatusError, match="Rate limit reached") as caught:
        await anthropic.messages.create(
            model="good", max_tokens=9, messages=[{"role": "user", "content": "Hello"}]
        )
    assert caught.value.status_code == 429
    assert await client.balance(text) == (DEPOSIT_MSAT, 0)
