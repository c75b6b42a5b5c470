"""Pictures, speech and hearing at a node with a played provider: what is asked, sent, charged."""

import asyncio
import json
from typing import Any

import pytest

from devkit.upstream import Reply, Shape, answer, chat, hang_up, html_error, late, refuse
from devkit.upstream.media import (
    HEARD_TOKENS,
    PICTURE_TOKENS,
    READ_TOKENS,
    SECONDS,
    SOUND,
    SPOKEN_TOKENS,
)
from tests.unit.core.asgi import Answer
from tests.unit.proxy.harness import TOKEN, Call, Node, running
from tests.unit.proxy.selling import EDIT, GENERATE, HEAR, SNAPSHOT, SPEAK


def media() -> Any:
    return running(catalog=lambda: SNAPSHOT)


async def post(node: Node, path: str, **body: object) -> Answer:
    return await node.ask(body, path=path)


def form(**fields: object) -> dict[str, Any]:
    """A form as a client library writes it, as the pieces and headers of a call."""
    boundary = "a-boundary-of-the-client"
    parts = []
    for name, value in fields.items():
        file = (
            '; filename="speech.wav"\r\nContent-Type: audio/wav' if value.__class__ is bytes else ""
        )
        data = value if isinstance(value, bytes) else str(value).encode()
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
        parts.append(head.encode() + data + b"\r\n")
    raw = b"".join(parts) + f"--{boundary}--\r\n".encode()
    kind = f"multipart/form-data; boundary={boundary}"
    return {"raw": raw, "headers": [("Content-Type", kind)]}


@pytest.mark.parametrize(
    ("asked", "pieces", "sent"),
    [
        ({}, 40_000, {"size": "1024x1024"}),
        ({"quality": "hd"}, 80_000, {"quality": "hd", "size": "1024x1024"}),
        ({"n": 3, "size": "auto"}, 120_000, {"n": 3, "size": "1024x1024"}),
    ],
)
async def test_pictures_are_charged_by_the_piece_that_is_priced_and_asked_for(
    asked: dict[str, object], pieces: int, sent: dict[str, object]
) -> None:
    async with media() as node:
        answered = await post(node, GENERATE, model="piece", prompt="A cat", **asked)
        assert answered.status == 200
        assert node.books.settled.cost == 1 + pieces
        assert node.books.amounts[1] == 1 + pieces
        told = answered.json()
        assert len(told["data"]) == asked.get("n", 1)
        assert told["cost"]["total_msats"] == told["usage"]["cost"]["total_msats"] == 1 + pieces
        assert answered.header("x-routstr-cost-msats") == str(1 + pieces)
        (request,) = node.upstream.requests
        assert request.json == {"model": "piece", "prompt": "A cat", **sent}


async def test_pictures_are_charged_by_the_tokens_that_are_reported() -> None:
    async with media() as node:
        answered = await post(node, GENERATE, model="drawn", prompt="A cat", quality="low")
        cost = 1 + READ_TOKENS * 5 + PICTURE_TOKENS * 40
        assert node.books.settled.cost == cost < node.books.amounts[1]
        assert not node.books.settled.estimated
        assert answered.json()["usage"]["output_tokens"] == PICTURE_TOKENS


async def test_without_a_report_pictures_by_tokens_are_estimated_within_the_hold() -> None:
    async with media() as node:
        node.upstream.next(chat(shape=Shape(usage_at="nowhere")))
        answered = await post(node, GENERATE, model="drawn", prompt="A cat", quality="low")
        assert node.books.settled.estimated
        assert 272 * 40 <= node.books.settled.cost <= node.books.amounts[1]
        assert answered.json()["metadata"]["routstr"]["estimated"]


async def test_a_streamed_picture_ends_with_its_cost() -> None:
    async with media() as node:
        answered = await post(node, GENERATE, model="drawn", prompt="A cat", stream=True)
        events = [part for part in answered.body.decode().split("\n\n") if part]
        assert [part.split("\n")[0] for part in events] == [
            "event: image_generation.partial_image",
            "event: image_generation.completed",
        ]
        last = json.loads(events[-1].partition("data: ")[2])
        cost = 1 + READ_TOKENS * 5 + PICTURE_TOKENS * 40
        assert last["cost"]["total_msats"] == node.books.settled.cost == cost
        assert last["b64_json"]


@pytest.mark.parametrize(
    ("path", "body", "missing"),
    [
        (GENERATE, {"model": "piece", "prompt": "A cat", "size": "512x512"}, "output_cost"),
        (GENERATE, {"model": "words", "prompt": "A cat"}, "output_cost_per_image"),
        (SPEAK, {"model": "words", "input": "Hello"}, "input_cost_per_character"),
        ("/v1/chat/completions", {"model": "piece", "messages": []}, "pricing.prompt"),
    ],
)
async def test_what_has_no_price_is_refused_before_anything_is_held(
    path: str, body: dict[str, object], missing: str
) -> None:
    async with media() as node:
        answered = await node.ask(body, path=path)
        assert answered.status == 400
        assert answered.json()["error"]["code"] == "no_price"
        assert missing in answered.json()["error"]["message"]
        assert node.books.holds == {}
        assert node.upstream.requests == []


async def test_speech_passes_as_it_comes_and_costs_its_characters() -> None:
    async with media() as node:
        answered = await post(node, SPEAK, model="spoken", input="Hello there", voice="alloy")
        assert answered.body == SOUND
        assert answered.header("content-type") == "audio/mpeg"
        assert node.books.settled.cost == 1 + 11 * 15 == node.books.amounts[1]
        assert answered.header("x-routstr-cost-msats") == str(1 + 11 * 15)


async def test_speech_as_events_costs_the_tokens_that_are_reported() -> None:
    async with media() as node:
        await post(node, SPEAK, model="voice", input="Hello", voice="alloy", stream_format="sse")
        assert node.books.settled.cost == 1 + READ_TOKENS + SPOKEN_TOKENS * 12


async def test_speech_for_a_token_tells_its_change_in_the_head() -> None:
    async with media() as node:
        body = {"model": "spoken", "input": "Hello there", "voice": "alloy"}
        answered = await node.ask(body, path=SPEAK, key=None, headers=[("X-Cashu", TOKEN)])
        assert answered.body == SOUND
        assert str(answered.header("x-cashu")).startswith("cashuB")
        assert node.payments.given


async def test_a_form_reaches_the_provider_and_its_seconds_are_charged() -> None:
    async with media() as node:
        sound = b"RIFF" + bytes(range(256)) * 40
        call = form(file=sound, model="HEARD", language="en")
        raw = call["raw"]
        call["raw"], call["chunks"] = None, [raw[at : at + 777] for at in range(0, len(raw), 777)]
        answered = await node.ask(path=HEAR, **call)
        assert answered.json()["text"] == "This is a played answer."
        assert node.books.settled.cost == 1 + SECONDS * 100
        (request,) = node.upstream.requests
        assert request.json == {"file": sound, "language": "en", "model": "heard"}
        assert request.header("content-length") == str(len(request.body))
        assert "a-boundary-of-the-client" not in str(request.headers)


@pytest.mark.parametrize(
    ("form_of", "seconds", "text"),
    [
        ("text", SECONDS, "This is a played answer.\n"),
        ("srt", 9, "1\n00:00:00,000 --> 00:00:08,200\nThis is a played answer.\n\n"),
        ("verbose_json", SECONDS, None),
    ],
)
async def test_every_format_tells_how_long_the_sound_was(
    form_of: str, seconds: int, text: str | None
) -> None:
    async with media() as node:
        call = form(model="heard", response_format=form_of, file=b"sound" * 4_000)
        answered = await node.ask(path=HEAR, **call)
        assert node.books.settled.cost == 1 + seconds * 100
        assert answered.header("x-routstr-cost-msats") == str(1 + seconds * 100)
        if text is not None:
            assert answered.body.decode() == text


async def test_a_transcript_in_events_costs_its_tokens() -> None:
    async with media() as node:
        answered = await node.ask(
            path=HEAR, **form(model="ear", stream="true", file=b"sound" * 4_000)
        )
        assert b"transcript.text.delta" in answered.body
        assert node.books.settled.cost == 1 + HEARD_TOKENS * 6 + 6 * 10


async def test_pictures_are_edited_by_a_form() -> None:
    async with media() as node:
        call = form(image=b"\x89PNG", prompt="A hat", model="piece", n="2")
        assert (await node.ask(path=EDIT, **call)).status == 200
        assert node.books.settled.cost == 1 + 80_000


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"model": "heard"}, "invalid_parameter"),
        ({"file": b"sound"}, "invalid_parameter"),
        ({"model": "heard", "file": "no file"}, "invalid_parameter"),
        ({"model": "words", "file": b"sound"}, "no_price"),
        ({"model": "nobody", "file": b"sound"}, "model_not_found"),
        ({"model": "heard", "file": b"sound", "stream": "perhaps"}, "invalid_parameter"),
    ],
)
async def test_a_form_that_says_too_little_is_refused(fields: dict[str, object], code: str) -> None:
    async with media() as node:
        answered = await node.ask(path=HEAR, **form(**fields))
        assert (answered.status, answered.json()["error"]["code"]) == (400, code)
        assert node.books.holds == {}


async def test_json_is_no_form() -> None:
    async with media() as node:
        answered = await post(node, HEAR, model="heard")
        assert (answered.status, answered.json()["error"]["code"]) == (
            415,
            "unsupported_media_type",
        )


@pytest.mark.parametrize(
    ("play", "status"),
    [
        (refuse(400), 400),
        (refuse(500), 500),
        (html_error(200), 502),
        (hang_up(), 502),
        (answer(200, {"error": {"message": "No.", "code": 400}}), 400),
        (answer(200, b""), 502),
    ],
    ids=["400", "500", "page", "gone", "error", "empty"],
)
@pytest.mark.parametrize("path", [GENERATE, SPEAK])
async def test_a_failure_before_the_answer_costs_nothing(path: str, play: Any, status: int) -> None:
    async with media() as node:
        node.upstream.next(play)
        model = "piece" if path == GENERATE else "spoken"
        answered = await post(node, path, model=model, prompt="A cat", input="Hello")
        assert answered.status == status
        assert node.books.was_released


async def test_s14_a_lying_report_is_bounded_by_the_hold() -> None:
    async with media() as node:
        huge = {"input_tokens": 10**8, "output_tokens": 10**8, "total_tokens": 2 * 10**8}
        node.upstream.next(chat(Reply(usage=huge)))
        answered = await post(node, GENERATE, model="drawn", prompt="A cat", quality="low")
        assert answered.status == 200
        assert node.books.charged[1] == node.books.amounts[1]


async def test_who_leaves_while_the_provider_draws_pays_for_what_was_asked() -> None:
    async with media() as node:
        node.upstream.next(late(3))
        call = Call(node.app, {"model": "piece", "prompt": "A cat", "n": 2}, path=GENERATE)
        running_call = call.start()
        async with asyncio.timeout(5):
            while not node.upstream.requests:  # noqa: ASYNC110 - of a server
                await asyncio.sleep(0.01)
            call.left.set()
            await running_call
        assert node.books.settled.cost == 1 + 80_000
        assert node.books.settled.estimated
