"""Endpoints that are charged for what they read."""

import pytest

from devkit.upstream import Reply, Shape, chat
from routstr.payment.tokens import prompt_estimate
from routstr.proxy.dialects.base import Dialect
from tests.unit.proxy.dialects.speaking import READING, body
from tests.unit.proxy.harness import running

each = pytest.mark.parametrize("dialect", READING, ids=lambda dialect: dialect.endpoint)


@each
async def test_is_charged_for_its_input_alone(dialect: Dialect) -> None:
    async with running() as node:
        answered = await node.ask(body(dialect), path=dialect.endpoint)
        assert answered.status == 200
        assert answered.json()["usage"]["cost"]["total_msats"] == 1 + 12
        assert node.books.settled.completion_tokens == 0
        (hold,) = node.books.holds.values()
        assert hold.wanted < 200, "no output is set aside"


@each
async def test_is_estimated_when_nothing_is_reported(dialect: Dialect) -> None:
    async with running() as node:
        node.upstream.next(chat(shape=Shape(usage_at="nowhere")))
        asked = body(dialect)
        answered = await node.ask(asked, path=dialect.endpoint)
        assert answered.json()["metadata"]["routstr"]["estimated"] is True
        assert node.books.settled.prompt_tokens == prompt_estimate(asked).tokens


@each
async def test_a_report_that_is_none_is_not_believed(dialect: Dialect) -> None:
    async with running() as node:
        node.upstream.next(chat(Reply(usage={"prompt_tokens": -5, "total_tokens": 1e99})))
        await node.ask(body(dialect), path=dialect.endpoint)
        assert node.books.settled.estimated


@each
@pytest.mark.parametrize("wrong", [{"stream": True}, {"model": ""}])
async def test_bad_input_costs_nothing(dialect: Dialect, wrong: dict[str, object]) -> None:
    async with running() as node:
        answered = await node.ask({**body(dialect), **wrong}, path=dialect.endpoint)
        assert answered.status == 400
        assert not node.books.holds


@each
async def test_what_is_needed_is_named(dialect: Dialect) -> None:
    async with running() as node:
        answered = await node.ask({"model": "good"}, path=dialect.endpoint)
        assert answered.status == 400
        assert answered.json()["error"]["details"]["param"] in body(dialect)
