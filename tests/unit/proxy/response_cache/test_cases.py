"""Which requests get the answer of before, which never do, and what it costs them."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from devkit.upstream import answer, refuse
from routstr.core.clock import ManualClock
from routstr.proxy.dialects.base import Dialect
from routstr.proxy.dialects.choices import CHAT
from routstr.proxy.dialects.messages import MESSAGES
from routstr.proxy.dialects.responses import RESPONSES
from tests.unit.proxy.dialects.speaking import READING, WORDS, body, said
from tests.unit.proxy.harness import HELLO, KeyPayer, Node, snapshot
from tests.unit.proxy.response_cache.caching import SECONDS, chat, is_hit, keeping

COST = 31
"""msat: the request, 12 input tokens, 6 output tokens."""
MORE = snapshot(["again"])


def charged(node: Node) -> list[int]:
    return list(node.books.charged.values())


async def twice(node: Node, **more: Any) -> bool:
    """Ask the same twice; whether the second is given from before."""
    assert not is_hit(await chat(node, **more))
    return is_hit(await chat(node, **more))


async def test_the_same_request_gets_the_same_answer_for_a_share_of_its_cost() -> None:
    async with keeping(percent=10) as node:
        first, second = await chat(node), await chat(node)
        assert (is_hit(first), is_hit(second)) == (False, True)
        assert len(node.upstream.requests) == 1
        assert charged(node) == [COST, 4], "rounded up"
        assert said(CHAT, second) == WORDS
        one, other = first.json(), second.json()
        assert one["id"] == other["id"]
        assert one["provider"] == other["provider"]
        cost = other["usage"]["cost"]
        assert cost["total_msats"] == 4 == int(second.header("x-routstr-cost-msats") or 0)
        assert cost["base_msats"] + cost["input_msats"] + cost["output_msats"] == 4
        assert other["usage"]["remaining_balance_msats"] == node.books.posted
        for name in ("prompt_tokens", "completion_tokens", "total_tokens"):
            assert one["usage"][name] == other["usage"][name]
        assert node.lines.records[1].cost_msat == 4
        assert node.books.held == 0


@pytest.mark.parametrize(("percent", "share"), [(0, 0), (1, 1), (100, COST)])
async def test_the_share_is_the_operators(percent: int, share: int) -> None:
    async with keeping(percent=percent) as node:
        assert await twice(node)
        assert charged(node) == [COST, share]


async def test_an_answer_is_given_until_it_is_too_old() -> None:
    clock = ManualClock()
    async with keeping(clock) as node:
        assert await twice(node)
        clock.advance(seconds=SECONDS - 1)
        assert is_hit(await chat(node))
        clock.advance(seconds=1)
        assert not is_hit(await chat(node))


async def test_the_order_of_members_makes_no_difference() -> None:
    async with keeping() as node:
        await chat(node, top_p=1, n=1)
        turned = {"n": 1, "top_p": 1, "stream": False, "temperature": 0.0, "messages": HELLO}
        assert not is_hit(await node.ask({**turned, "model": "good", "temperature": 0, "n": 2}))
        assert is_hit(await node.ask({**turned, "temperature": 0, "model": "good"}))


@pytest.mark.parametrize(
    "other",
    [
        {"model": "again"},
        {"messages": [{"role": "user", "content": "Say something else."}]},
        {"max_tokens": 6},
        {"user": "somebody"},
        {"seed": 1},
    ],
    ids=lambda other: next(iter(other)),
)
async def test_another_request_has_another_answer(other: dict[str, Any]) -> None:
    async with keeping(catalog=lambda: MORE) as node:
        assert not is_hit(await chat(node))
        assert not is_hit(await chat(node, **other))


@pytest.mark.parametrize(
    ("signs", "more", "hit"),
    [
        (("temperature",), {}, True),
        (("temperature",), {"temperature": 0.0}, True),
        (("temperature",), {"temperature": 0.1}, False),
        (("temperature",), {"temperature": None}, False),
        (("temperature",), {"temperature": False}, False),
        (("temperature",), {"temperature": 1, "seed": 7}, False),
        (("seed",), {"seed": 7, "temperature": 1}, True),
        (("seed",), {}, False),
        (("seed",), {"seed": None}, False),
        (("seed", "temperature"), {}, True),
        ((), {"seed": 7}, False),
        (("temperature",), {"store": True}, False),
    ],
)
async def test_texts_are_deterministic_as_the_setting_says(
    signs: tuple[str, ...], more: dict[str, Any], hit: bool
) -> None:
    async with keeping(signs=signs) as node:
        assert await twice(node, **more) is hit


async def test_streams_are_neither_kept_nor_given() -> None:
    async with keeping() as node:
        for stream in (True, False, True):
            answered = await chat(node, stream=stream)
            assert answered.complete
        assert len(node.upstream.requests) == 3


@pytest.mark.parametrize("dialect", READING, ids=lambda dialect: dialect.endpoint)
async def test_what_only_reads_is_always_deterministic(dialect: Dialect) -> None:
    async with keeping(signs=()) as node:
        for hit in (False, True):
            answered = await node.ask(body(dialect), path=dialect.endpoint)
            assert is_hit(answered) is hit


async def test_responses_are_kept_only_if_the_provider_does_not_keep_them() -> None:
    async with keeping() as node:
        for more, hits in (({}, [False, False]), ({"store": False}, [False, True])):
            asked = {**body(RESPONSES, temperature=0), **more}
            found = [await node.ask(asked, path=RESPONSES.endpoint) for _ in range(2)]
            assert [is_hit(answered) for answered in found] == hits


async def test_a_translated_answer_is_given_in_the_clients_words() -> None:
    async with keeping(adapter="groq") as node:
        asked = body(MESSAGES, temperature=0)
        first, second = [await node.ask(asked, path=MESSAGES.endpoint) for _ in range(2)]
        assert (is_hit(first), is_hit(second)) == (False, True)
        assert said(MESSAGES, second) == said(MESSAGES, first) == WORDS
        assert second.json()["type"] == "message"
        chat_answer = await chat(node)
        assert not is_hit(chat_answer)


async def test_no_other_key_gets_an_answer_not_even_of_the_same_account() -> None:
    async with keeping() as node:
        assert await twice(node)
        node.keys.key = replace(KeyPayer(), key_id="key-2")
        assert not is_hit(await chat(node))


async def test_a_payment_for_one_request_alone_is_served_as_always() -> None:
    async with keeping() as node:
        assert (await node.pay(temperature=0)).header("x-routstr-cache") is None
    async with keeping() as node:
        await chat(node)
        node.books.posted, node.books.closed = 10_000, False
        assert not is_hit(await node.pay(temperature=0))


async def test_a_client_may_do_without() -> None:
    async with keeping() as node:
        asked = {"model": "good", "messages": HELLO, "temperature": 0}

        async def with_wish(wish: str) -> bool:
            return is_hit(await node.ask(asked, headers=[("Cache-Control", wish)]))

        assert not await with_wish("no-store")
        assert not await with_wish("No-Cache"), "nothing was kept before"
        assert await with_wish("max-age=0")
        assert not await with_wish("no-cache")


async def test_only_whole_answers_are_kept() -> None:
    async with keeping() as node:
        node.upstream.next(refuse(422))
        assert (await chat(node)).status == 422
        node.upstream.next(answer(200, b"[1, 2]"))
        assert (await chat(node)).status == 502
        assert await twice(node)


async def test_an_answer_that_the_balance_cut_short_is_not_kept() -> None:
    async with keeping() as node:
        node.books.posted = 100
        first = await chat(node)
        assert first.header("x-routstr-max-tokens") is not None
        node.books.posted = 1_000_000
        assert not is_hit(await chat(node))


async def test_an_answer_without_what_was_asked_for_is_not_kept() -> None:
    async with keeping() as node:
        node.upstream.next(refuse(400))
        assert "temperature" in str((await chat(node)).header("x-routstr-corrected"))
        assert not is_hit(await chat(node))


async def test_a_hit_needs_the_balance_that_every_request_needs() -> None:
    async with keeping() as node:
        await chat(node)
        node.books.posted = 10
        assert (await chat(node)).status == 402
        assert charged(node) == [COST]


async def test_many_at_once_are_each_charged_once() -> None:
    async with keeping() as node:
        await chat(node)
        answers = await asyncio.gather(*(chat(node) for _ in range(10)))
        assert all(map(is_hit, answers))
        assert charged(node) == [COST] + [4] * 10
        assert node.books.held == 0
