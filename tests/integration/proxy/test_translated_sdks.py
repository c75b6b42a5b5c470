"""The official SDKs of messages and responses see no difference when a provider only knows chat.

Every event is held against the SDK's own description of it.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest_asyncio
import uvicorn
from anthropic import AsyncAnthropic
from anthropic.types import Message, RawMessageStreamEvent
from openai import AsyncOpenAI
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from devkit.upstream import Play, answer
from devkit.upstream.http import Exchange
from tests.unit.proxy.harness import KEY, LIMITS, Node, running
from tests.unit.proxy.translation.playing import call, chunk, sse
from tests.unit.upstream.waiting import until

HEAD = {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"}
ASKED: Any = [{"role": "user", "content": "What is the weather in Zug and in Bern?"}]
SCHEMA: Any = {"type": "object", "properties": {"place": {"type": "string"}}}
USAGE = {
    "prompt_tokens": 40,
    "completion_tokens": 30,
    "total_tokens": 70,
    "prompt_tokens_details": {"cached_tokens": 10},
    "completion_tokens_details": {"reasoning_tokens": 5},
}
PATIENT = replace(LIMITS, first_byte_s=20, idle_s=20, stall_s=20, total_s=60)
NOT_ANTHROPIC_S = {"cost", "input_json", "text", "thinking"}
"""The node's own event, and those that the SDK makes of the others."""
COST = 1 + 40 + 3 * 30
PLACES = ['{"place": "Zug"}', '{"place": "Bern"}']


def calls() -> list[dict[str, Any]]:
    return [
        {
            "id": f"call_{number}",
            "type": "function",
            "function": {"name": "get_weather", "arguments": arguments},
        }
        for number, arguments in enumerate(PLACES)
    ]


def calling() -> Play:
    """A model that thinks, speaks and calls a tool twice, whole or as a stream."""
    message = {
        "role": "assistant",
        "content": "I'll look.",
        "reasoning_content": "Two places.",
        "tool_calls": calls(),
    }
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    whole = {"id": "chatcmpl-1", "created": 5, "model": "m", "choices": [choice], "usage": USAGE}
    chunks = [
        chunk({"role": "assistant", "content": ""}),
        chunk({"reasoning_content": "Two "}),
        chunk({"reasoning_content": "places."}),
        chunk({"content": "I'll "}),
        chunk({"content": "look."}),
    ]
    for number, arguments in enumerate(PLACES):
        chunks.append(chunk(call(number, name="get_weather", call_id=f"call_{number}")))
        chunks += [chunk(call(number, arguments[at : at + 5])) for at in range(0, 99, 5)]
    chunks += [chunk({}, "tool_calls"), {**chunk(), "choices": [], "usage": USAGE}]

    async def play(exchange: Exchange) -> None:
        if not exchange.request.json.get("stream"):
            await answer(200, whole)(exchange)
            return
        await exchange.head(200, HEAD)
        await exchange.chunks([sse(chunks)])

    return play


@pytest_asyncio.fixture
async def node() -> AsyncIterator[Node]:
    async with running(limits=PATIENT, adapter="gemini") as started:
        yield started


@pytest_asyncio.fixture
async def url(node: Node) -> AsyncIterator[str]:
    """The node's hot routes behind a real server."""
    server = uvicorn.Server(uvicorn.Config(node.app, port=0, lifespan="off", log_config=None))
    serving = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    await serving


@pytest_asyncio.fixture
async def anthropic(url: str) -> AsyncIterator[AsyncAnthropic]:
    async with AsyncAnthropic(base_url=url, api_key=KEY, max_retries=0) as sdk:
        yield sdk


@pytest_asyncio.fixture
async def openai(url: str) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0) as sdk:
        yield sdk


def seen(node: Node) -> Any:
    """What the provider got last."""
    return node.upstream.requests[-1].json


async def test_messages_with_tools(anthropic: AsyncAnthropic, node: Node) -> None:
    asked: Any = {
        "model": "good",
        "max_tokens": 100,
        "system": "Be brief.",
        "messages": ASKED,
        "tools": [{"name": "get_weather", "input_schema": SCHEMA}],
        "tool_choice": {"type": "any"},
        "thinking": {"type": "enabled", "budget_tokens": 1_024},
    }
    node.upstream.next(calling())
    whole = await anthropic.messages.create(**asked)
    Message.model_validate(whole.to_dict(), strict=True)
    assert [block.type for block in whole.content] == ["thinking", "text", "tool_use", "tool_use"]
    assert [block.input for block in whole.content if block.type == "tool_use"] == [
        {"place": "Zug"},
        {"place": "Bern"},
    ]
    assert (whole.usage.input_tokens, whole.usage.cache_read_input_tokens) == (30, 10)
    assert whole.stop_reason == "tool_use"

    node.upstream.next(calling())
    known: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
    async with anthropic.messages.stream(**asked) as stream:
        async for event in stream:
            if event.type not in NOT_ANTHROPIC_S:
                known.validate_python(event.to_dict(exclude_unset=True))
        last = await stream.get_final_message()
    assert [block.to_dict() for block in last.content] == [b.to_dict() for b in whole.content]
    assert (last.stop_reason, last.usage.input_tokens) == ("tool_use", 30)
    assert last.usage.output_tokens == 30

    results: Any = [
        {"type": "tool_result", "tool_use_id": block.id, "content": "15 degrees"}
        for block in last.content
        if block.type == "tool_use"
    ]
    turns = [
        *ASKED,
        {"role": "assistant", "content": last.content},
        {"role": "user", "content": results},
    ]
    end = await anthropic.messages.create(**{**asked, "messages": turns})
    assert end.stop_reason == "end_turn"
    told = seen(node)["messages"]
    roles = ["system", "user", "assistant", "tool", "tool"]
    assert [message["role"] for message in told] == roles
    arguments = [one["function"]["arguments"].replace(":", ": ") for one in told[2]["tool_calls"]]
    assert arguments == PLACES
    assert (seen(node)["tool_choice"], seen(node)["reasoning_effort"]) == ("required", "low")
    charged = [int(end.cost) for end in node.books.ends.values() if end is not None]
    assert charged[:2] == [COST, COST]


async def test_responses_with_tools(openai: AsyncOpenAI, node: Node) -> None:
    tool: Any = {"type": "function", "name": "get_weather", "parameters": SCHEMA, "strict": False}
    asked: Any = {"model": "good", "instructions": "Be brief.", "input": ASKED, "tools": [tool]}
    node.upstream.next(calling())
    whole = await openai.responses.create(**asked)
    Response.model_validate(_without_cost(whole.to_dict(warnings=False)))
    assert [item.type for item in whole.output] == [
        *("reasoning", "message", "function_call", "function_call"),
    ]
    assert whole.output_text == "I'll look."
    assert whole.usage is not None
    assert (whole.usage.input_tokens, whole.usage.input_tokens_details.cached_tokens) == (40, 10)
    assert whole.usage.output_tokens_details.reasoning_tokens == 5

    node.upstream.next(calling())
    known: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
    raw = await openai.responses.create(**asked, stream=True)
    names = [known.validate_python(event.to_dict()).type async for event in raw]
    assert len([name for name in names if name.endswith("arguments.done")]) == 2

    node.upstream.next(calling())
    async with openai.responses.stream(**asked) as stream:
        async for _ in stream:
            pass
        last = await stream.get_final_response()
    found = [item.arguments for item in last.output if item.type == "function_call"]
    assert found == PLACES
    assert last.output_text == "I'll look."

    results: Any = [
        {"type": "function_call_output", "call_id": item.call_id, "output": "15 degrees"}
        for item in last.output
        if item.type == "function_call"
    ]
    turns = [*ASKED, *whole.output, *results]
    end = await openai.responses.create(**{**asked, "input": turns})
    assert end.status == "completed"
    told = seen(node)["messages"]
    roles = ["system", "user", "assistant", "tool", "tool"]
    assert [message["role"] for message in told] == roles
    assert told[2]["tool_calls"] == calls()
    charged = [int(end.cost) for end in node.books.ends.values() if end is not None]
    assert charged[:3] == [COST] * 3


async def test_a_text_in_both_ways(
    openai: AsyncOpenAI, anthropic: AsyncAnthropic, node: Node
) -> None:
    words = "This is a played answer."
    response = await openai.responses.create(model="good", input="Say something.")
    assert response.output_text == words
    async with openai.responses.stream(model="good", input="Say something.") as stream:
        final = await stream.get_final_response()
    assert final.output_text == words
    async with anthropic.messages.stream(model="good", max_tokens=50, messages=ASKED) as messages:
        assert await messages.get_final_text() == words
    schema = {"type": "object", "properties": {}, "additionalProperties": False}
    wanted: Any = {"format": {"type": "json_schema", "name": "it", "schema": schema}}
    await openai.responses.create(model="good", input="Say something.", text=wanted)
    assert seen(node)["response_format"]["json_schema"]["name"] == "it"


def _without_cost(response: dict[str, Any]) -> dict[str, Any]:
    """Without what the node adds where the SDK allows texts only."""
    return {name: value for name, value in response.items() if name != "metadata"}
