"""Who is refused, what is told, and that everything that was taken is given back."""

import asyncio
import logging

import pytest
from limits.errors import StorageError

from devkit.upstream import refuse, silent
from routstr.core.clock import ManualClock
from routstr.core.fuse import REST_SECONDS
from routstr.proxy.limits.memory import MemoryStorage
from tests.unit.proxy.harness import HELLO, Call
from tests.unit.proxy.limits.gating import error, guarded, left, limits
from tests.unit.upstream.waiting import until

PROMPT, OUTPUT = 12, 6
"""Tokens that the played provider reports."""


async def test_requests_of_a_key_are_counted_until_its_minute_is_over() -> None:
    clock = ManualClock()
    async with guarded(clock, key={"requests": 2}) as node:
        assert left(await node.chat()) == ("2", "1", "60s")
        clock.advance(seconds=20)
        assert left(await node.chat()) == ("2", "0", "40s")
        refused = await node.chat()
        assert (refused.status, refused.header("retry-after")) == (429, "40")
        assert left(refused) == ("2", "0", "40s")
        told = error(refused)
        assert (told["type"], told["code"]) == ("rate_limit_error", "rate_limit_exceeded")
        assert told["details"] == {
            "limit_name": "key_requests_per_minute",
            "metric": "requests",
            "limit": 2,
            "used": 2,
            "requested": 1,
            "retry_after_seconds": 40,
        }
        assert len(node.books.holds) == 2
        clock.advance(seconds=40)
        assert left(await node.chat()) == ("2", "1", "60s")


async def test_tokens_are_counted_before_and_after_the_request() -> None:
    clock = ManualClock()
    async with guarded(clock, key={"tokens": 30}) as node:
        estimate = 30 - int(left(await node.chat(), "tokens")[1] or 0)
        assert 0 < estimate < PROMPT + OUTPUT, "the output is counted when it is known"
        clock.advance(seconds=30)
        second = await node.chat()
        assert left(second, "tokens") == ("30", str(30 - PROMPT - OUTPUT - estimate), "30s")
        refused = await node.chat()
        assert (refused.status, left(refused, "tokens")) == (429, ("30", "0", "30s"))
        assert error(refused)["details"]["limit_name"] == "key_tokens_per_minute"
        clock.advance(seconds=30)
        assert (await node.chat()).status == 200


async def test_what_never_fits_is_not_tried_again() -> None:
    async with guarded(address={"tokens": 5}) as node:
        refused = await node.pay()
        assert (refused.status, refused.header("x-should-retry")) == (429, "false")
        assert refused.header("retry-after") is None
        assert node.payments.redeemed == 0, "the token is as it was"


async def test_an_address_is_refused_before_its_key_is_looked_up() -> None:
    async with guarded(address={"requests": 1}) as node:
        body = {"model": "good", "messages": HELLO}
        assert (await node.ask(body, key="sk-" + "b" * 64)).status == 401
        node.keys.minimum = None
        refused = await node.chat()
        assert refused.status == 429
        assert error(refused)["details"]["limit_name"] == "address_requests_per_minute"
        assert node.keys.minimum is None


async def test_the_tighter_of_two_limits_is_told() -> None:
    async with guarded(key={"requests": 5}, address={"requests": 3}) as node:
        assert left(await node.chat()) == ("3", "2", "60s")


async def test_who_pays_for_one_request_alone_has_no_key() -> None:
    async with guarded(key={"requests": 1, "tokens": 1, "at_once": 1}) as node:
        assert (await node.pay()).status == 200


@pytest.mark.parametrize("scope", ["key", "address"])
async def test_a_slot_is_taken_as_long_as_the_request_takes(scope: str) -> None:
    at_once = {"at_once": 1}
    mine, others = (at_once, None) if scope == "key" else (None, at_once)
    async with guarded(key=mine, address=others) as node:
        node.upstream.next(silent())
        body = {"model": "good", "messages": HELLO}
        first = Call(node.app, body)
        running_one = first.start()
        await until(lambda: bool(node.upstream.requests))
        refused = await node.chat()
        assert (refused.status, error(refused)["code"]) == (429, "concurrency_limit_exceeded")
        assert refused.header("retry-after") == "1"
        running_one.cancel()
        await asyncio.gather(running_one, return_exceptions=True)
        assert (await node.chat()).status == 200


async def test_a_slot_comes_back_after_a_refusal_and_a_stream() -> None:
    async with guarded(key={"at_once": 1}) as node:
        node.upstream.next(refuse(400))
        assert (await node.chat()).status == 400
        assert (await node.chat(model="nobody")).status == 400
        assert (await node.ask({"model": "good", "messages": HELLO, "stream": True})).complete
        assert (await node.chat()).status == 200


class Broken(MemoryStorage):
    """A store that is away."""

    asked = 0

    async def get(self, key: str) -> int:
        self.asked += 1
        raise StorageError(ConnectionError("secret of the address"))


async def test_a_store_that_fails_lets_everybody_in_and_rests(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = ManualClock()
    storage = Broken(clock)
    async with guarded(clock, key={"requests": 1}, storage=storage) as node:
        with caplog.at_level(logging.ERROR):
            assert [(await node.chat()).status for _ in range(3)] == [200, 200, 200]
        assert storage.asked == 1
        assert caplog.text.count("rate_limits_away") == 1
        assert "secret" not in caplog.text
        clock.advance(seconds=REST_SECONDS)
        assert (await node.chat()).status == 200
        assert storage.asked == 2


async def test_a_burst_passes_as_far_as_the_limit_goes() -> None:
    async with guarded(key={"requests": 5}) as node:
        answers = await asyncio.gather(*(node.chat() for _ in range(12)))
        assert sorted(answered.status for answered in answers) == [200] * 5 + [429] * 7
        assert len(node.books.holds) == 5


async def test_the_store_knows_neither_addresses_nor_keys() -> None:
    storage = MemoryStorage(ManualClock())
    async with guarded(storage=storage, key={"requests": 5}, address={"requests": 5}) as node:
        await node.chat()
    names = " ".join(storage._windows)
    assert "192.0.2.1" not in names
    assert len(storage._windows) == 2


def test_no_limit_is_false() -> None:
    assert not limits("key")
    assert limits("key", at_once=1)
