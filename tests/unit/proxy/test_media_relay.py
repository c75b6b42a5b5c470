"""Sound that passes as it comes, and what may happen to it."""

import asyncio

import pytest

from devkit.upstream import Exchange, Play
from devkit.upstream.media import SOUND
from tests.unit.proxy.harness import LIMITS, Call, running
from tests.unit.proxy.selling import SNAPSHOT, SPEAK

HELLO = {"model": "spoken", "input": "Hello", "voice": "alloy"}
COST = 1 + 5 * 15
HEAD = {"Content-Type": "audio/mpeg", "Transfer-Encoding": "chunked"}


def sound(*pieces: bytes | None, then: str = "end") -> Play:
    """These pieces; None waits for longer than the node does."""

    async def play(exchange: Exchange) -> None:
        await exchange.head(200, HEAD)
        for piece in pieces:
            if piece is None:
                await asyncio.sleep(60)
            else:
                await exchange.chunks([piece], last=False)
                await asyncio.sleep(0.02)
        if then == "end":
            await exchange.chunks([])
        else:
            exchange.reset()

    return play


async def test_the_first_bytes_come_before_the_last_are_there() -> None:
    async with running(catalog=lambda: SNAPSHOT) as node:
        gate = asyncio.Event()

        async def play(exchange: Exchange) -> None:
            await exchange.head(200, HEAD)
            await exchange.chunks([b"first"], last=False)
            await gate.wait()
            await exchange.chunks([b"last"])

        node.upstream.next(play)
        call = Call(node.app, HELLO, path=SPEAK)
        served = call.start()
        await call.until(b"first")
        assert node.books.settled.cost == COST
        gate.set()
        await served
        assert call.answer.body == b"firstlast"


@pytest.mark.parametrize("then", ["end", "reset"])
async def test_nothing_at_all_is_refused_and_free(then: str) -> None:
    async with running(catalog=lambda: SNAPSHOT) as node:
        node.upstream.next(sound(then=then))
        assert (await node.ask(HELLO, path=SPEAK)).status == 502
        assert node.books.was_released


async def test_silence_before_the_first_byte_is_refused_and_free() -> None:
    async with running(catalog=lambda: SNAPSHOT) as node:
        node.upstream.next(sound(None))
        assert (await node.ask(HELLO, path=SPEAK)).status == 504
        assert node.books.was_released


@pytest.mark.parametrize("play", [sound(b"some", then="reset"), sound(b"some", None)])
async def test_what_breaks_off_is_charged_and_seen_to_be_broken(play: Play) -> None:
    async with running(catalog=lambda: SNAPSHOT) as node:
        node.upstream.next(play)
        answered = await node.ask(HELLO, path=SPEAK)
        assert answered.body == b"some"
        assert answered.messages[-1]["more_body"]
        assert node.books.settled.cost == COST
        assert node.line.error in {"upstream_request_failed", "upstream_timeout"}


async def test_more_than_is_allowed_is_cut_off() -> None:
    async with running(catalog=lambda: SNAPSHOT) as node:
        node.upstream.next(sound(*[b"x" * 65_536] * (LIMITS.answer_bytes // 65_536 + 2)))
        answered = await node.ask(HELLO, path=SPEAK)
        assert len(answered.body) <= LIMITS.answer_bytes
        assert node.line.error == "upstream_request_failed"


async def test_a_client_that_stops_reading_is_left() -> None:
    async with running(catalog=lambda: SNAPSHOT) as node:
        node.upstream.next(sound(b"one", b"two", b"three"))
        call = Call(node.app, HELLO, path=SPEAK)
        served = call.start()
        await call.until(b"one")
        call.reads.clear()
        async with asyncio.timeout(5):
            await served
        assert node.books.settled.cost == COST


async def test_all_of_it_arrives() -> None:
    async with running(catalog=lambda: SNAPSHOT) as node:
        assert (await node.ask(HELLO, path=SPEAK)).body == SOUND
