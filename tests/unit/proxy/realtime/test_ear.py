"""Transcripts have a price and holds of their own."""

from typing import Any

import pytest

from devkit.upstream.realtime import Script
from tests.unit.proxy.harness import Books
from tests.unit.proxy.realtime.conversing import (
    FIRST,
    HEARS,
    RESPOND,
    SECOND,
    USUAL,
    Caller,
    place,
    sound,
)

COMPLETED = "conversation.item.input_audio_transcription.completed"
FAILED = "conversation.item.input_audio_transcription.failed"
COMMIT = {"type": "input_audio_buffer.commit"}
HELD = 30 * SECOND + 1
SECONDS_2 = 2 * SECOND + 1


def wanting(model: Any = HEARS, *, turns: Any = None) -> dict[str, Any]:
    """The session with transcripts by a model; None: without."""
    transcription = None if model is None else {"model": model}
    heard = {"turn_detection": turns, "transcription": transcription}
    return {"type": "session.update", "session": {"type": "realtime", "audio": {"input": heard}}}


async def ready(caller: Caller, **more: Any) -> None:
    caller.say(wanting(**more))
    await caller.until("session.updated")


async def test_a_transcript_is_held_for_and_charged_by_its_seconds() -> None:
    async with place() as node:
        caller = node.call(script := Script())
        await ready(caller)
        assert node.books.held == FIRST + HELD
        caller.say(sound(), COMMIT)
        told = await caller.until(COMPLETED)
        assert told["usage"]["cost"]["total_msats"] == SECONDS_2, "a second and a half is two"
        assert told["usage"]["seconds"] == 1.5
        assert node.charges == [SECONDS_2]
        caller.say(RESPOND)
        await caller.until("response.done")
        caller.leave()
        await caller.end()
        assert sorted(node.charges) == sorted([SECONDS_2, USUAL])
        heard = script.heard[0]["session"]["audio"]["input"]
        assert heard["transcription"] == {"model": HEARS}


async def test_the_hold_grows_with_what_may_be_transcribed() -> None:
    async with place() as node:
        caller = node.call(Script())
        await ready(caller)
        caller.say(sound(b"\x00" * 48_000 * 31), COMMIT)
        await caller.until(COMPLETED)
        amounts = [node.books.amounts[hold] for hold in sorted(node.books.holds)]
        assert 60 * SECOND + 1 in amounts
        caller.leave()
        await caller.end()


@pytest.mark.parametrize("model", ["nobody", "talks-not", None, 5])
async def test_a_model_without_a_price_is_refused(model: Any) -> None:
    async with place() as node:
        caller = node.call(script := Script())
        event = wanting("x")
        event["session"]["audio"]["input"]["transcription"] = (
            {} if model is None else {"model": model}
        )
        caller.say(event)
        error = (await caller.until("error"))["error"]
        assert error["code"] == "no_price"
        assert script.heard == []
        caller.leave()
        await caller.end()


async def test_a_transcript_that_fails_costs_nothing() -> None:
    async with place() as node:
        caller = node.call(Script(transcript=None))
        await ready(caller)
        caller.say(sound(), COMMIT)
        await caller.until(FAILED)
        caller.leave()
        await caller.end()
        assert node.charges == []


@pytest.mark.parametrize("usage", [{}, {"seconds": -5}, {"seconds": 10**30}, [1]])
async def test_a_transcript_without_a_usable_usage_is_estimated(usage: object) -> None:
    async with place() as node:
        caller = node.call(Script(transcript=usage))
        await ready(caller)
        caller.say(sound(), COMMIT)
        await caller.until(COMPLETED)
        caller.leave()
        await caller.end()
        assert node.charges == [SECOND + 1], "a tenth of a second is one"


async def test_sound_whose_transcript_nobody_pays_for_is_not_passed_on() -> None:
    async with place(books=Books(posted=FIRST + 5)) as node:
        caller = node.call(script := Script())
        caller.say(wanting())
        error = (await caller.until("error"))["error"]
        assert error["code"] == "insufficient_balance"
        await caller.end()
        assert script.heard == []
        assert caller.closed == (4402, "insufficient_balance")


async def test_without_transcripts_nothing_waits_for_one() -> None:
    async with place() as node:
        caller = node.call(Script())
        await ready(caller)
        caller.say(wanting(None))
        await caller.until("session.updated", 2)
        caller.say(sound(), COMMIT)
        await caller.until("input_audio_buffer.committed")
        caller.leave()
        await caller.end()
        assert node.charges == []
