"""S13: a client that leaves, wherever it does, pays for what was served, inside what was held."""

import asyncio
from functools import partial
from typing import Any

import pytest

from devkit.upstream import Shape, chat
from tests.unit.proxy import selling as media
from tests.unit.proxy.dialects.speaking import BODIES, WRITING
from tests.unit.proxy.harness import SNAPSHOT, Books, Call, running

PIECES: dict[str, dict[str, Any]] = {
    media.GENERATE: {"model": "drawn", "prompt": "A cat", "quality": "low"},
    media.SPEAK: {"model": "voice", "input": "Hello there", "stream_format": "sse"},
}
LEAST_MSAT = 2
"""A request and a token."""


async def left_at(path: str, body: dict[str, Any], events: int, *, goes_on: bool) -> Books:
    """Leave after so many events, while the provider waits; then it goes on, or never does."""
    gate = asyncio.Event()
    async with running(catalog=lambda: media.SNAPSHOT if path in PIECES else SNAPSHOT) as node:
        node.upstream.next(chat(shape=Shape(gate_after=events, gate=gate)))
        call = Call(node.app, {**body, "stream": True}, path=path)
        served = call.start()
        async with asyncio.timeout(8):
            while not node.upstream.exchanges:  # noqa: ASYNC110 - of a server
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)  # what was sent arrives
            call.left.set()
            if goes_on:
                gate.set()
            await served
        return node.books


@pytest.mark.parametrize("goes_on", [True, False])
@pytest.mark.parametrize("path", [one.endpoint for one in WRITING] + list(PIECES))
async def test_s13_who_leaves_at_any_event_pays_for_what_was_served(
    path: str, *, goes_on: bool
) -> None:
    body = PIECES.get(path) or {"model": "good", **BODIES[path]}
    found = await asyncio.gather(
        *(left_at(path, body, events, goes_on=goes_on) for events in range(5))
    )
    for books in found:
        assert books.settled.cost >= LEAST_MSAT
        assert LEAST_MSAT <= books.charged[1] <= books.amounts[1]
        assert books.held == 0


async def test_s13_who_leaves_sound_at_any_byte_has_paid_for_it() -> None:
    for pieces in (1, 2):
        async with running(catalog=lambda: media.SNAPSHOT) as node:
            call = Call(
                node.app, {"model": "spoken", "input": "Hello", "voice": "a"}, path=media.SPEAK
            )
            served = call.start()
            async with call.sent, asyncio.timeout(5):
                await call.sent.wait_for(partial(_has, call, pieces))
            call.left.set()
            await served
            assert node.books.settled.cost == 1 + 5 * 15


def _has(call: Call, messages: int) -> bool:
    return len(call.answer.messages) >= messages
