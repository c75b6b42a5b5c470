"""Spending tokens, several at a time."""

import asyncio

import pytest

from bench.ecash import CONCURRENCY, run


async def test_every_token_is_spent_once_and_never_more_than_eight_at_a_time() -> None:
    spent, under_way, most = list[str](), 0, 0

    async def spend(text: str) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        spent.append(text)

    figures = await run([str(n) for n in range(30)], spend)

    assert sorted(spent) == sorted(str(n) for n in range(30))
    assert most == CONCURRENCY
    assert figures["rate"] > 0
    assert 0 <= figures["p50_ms"] <= figures["p99_ms"]


async def test_a_token_that_cannot_be_spent_ends_the_run() -> None:
    async def spend(text: str) -> None:
        raise ValueError(text)

    with pytest.raises(ExceptionGroup):
        await run(["one"], spend)
