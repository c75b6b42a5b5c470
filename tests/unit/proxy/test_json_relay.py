import json
from typing import Any

import pytest

from devkit.upstream import PLAYS, Reply, answer, chat, endless, wrong_length
from routstr.ledger.entries import Settlement
from tests.unit.core.asgi import Answer
from tests.unit.proxy.harness import Node, running

GOOD = 1 + 12 + 6 * 3  # msat: the request, 12 input tokens, 6 output tokens
CHOICES = [{"index": 0, "message": {"role": "assistant", "content": "This is an answer."}}]


def choices(**more: object) -> dict[str, object]:
    return {"id": "c-1", "object": "chat.completion", "choices": CHOICES, **more}


async def got(body: object, headers: dict[str, str] | None = None) -> tuple[Answer, Node]:
    async with running() as node:
        node.upstream.next(answer(200, body, headers))
        return await node.chat(), node


def assert_charged(node: Node, told: Any, charged: int) -> Settlement:
    """The body, the books and the access line agree on the charge."""
    assert node.books.posted == 1_000_000 - charged
    assert told["usage"]["cost"]["total_msats"] == charged
    assert told["usage"]["remaining_balance_msats"] == node.books.posted
    assert node.line.cost_msat == charged
    return node.books.settled


async def test_an_answer_is_charged_as_reported_and_tells_its_cost() -> None:
    async with running() as node:
        got = await node.chat()
        told = got.json()
        assert got.status == 200
        assert told["choices"][0]["message"]["content"] == "This is a played answer."
        assert (told["model"], told["provider"], told["id"]) == (
            "good",
            "played",
            "chatcmpl-played",
        )
        end = assert_charged(node, told, GOOD)
        assert (end.prompt_tokens, end.completion_tokens, end.estimated) == (12, 6, False)
        assert got.header("content-type") == "application/json"
        assert got.header("cache-control") == "no-store"
        assert got.header("x-routstr-cost-msats") == str(GOOD)
        assert got.header("x-routstr-input-cost-msats") == "12"
        assert got.header("x-routstr-output-cost-msats") == "18"
        assert got.header("x-routstr-cost-usd") == "0.000031"


async def test_the_charge_is_made_before_the_answer_is_sent() -> None:
    async with running() as node:
        ended: list[int] = []
        app = node.app

        async def watching(scope: Any, receive: Any, send: Any) -> None:
            async def watched(message: Any) -> None:
                ended.append(len(node.books.ends))
                await send(message)

            await app(scope, receive, watched)

        node.app = watching  # type: ignore[assignment]
        await node.chat()
        assert ended == [1, 1]


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {},
        [],
        "x",
        {"prompt_tokens": -12, "completion_tokens": 6},
        {"prompt_tokens": "12", "completion_tokens": 6},
        {"prompt_tokens": 12.5, "completion_tokens": 6},
        {"prompt_tokens": True, "completion_tokens": 6},
        {"prompt_tokens": 10**30, "completion_tokens": 6},
    ],
)
async def test_a_missing_or_impossible_report_is_estimated(usage: object) -> None:
    answered, node = await got(choices(usage=usage))
    told = answered.json()
    end = assert_charged(node, told, node.books.charged[1])
    assert end.estimated
    assert end.completion_tokens == 5
    assert told["metadata"]["routstr"]["estimated"] is True
    assert told["usage"]["completion_tokens"] == 5


async def test_a_report_that_is_no_json_number_does_not_spoil_the_answer() -> None:
    body = json.dumps(choices(usage={"prompt_tokens": float("nan")})).encode()
    assert b"NaN" in body
    answered, node = await got(body)
    assert answered.json()["choices"] == CHOICES
    assert assert_charged(node, answered.json(), node.books.charged[1]).estimated


async def test_a_report_of_nothing_beside_an_answer_is_not_believed() -> None:
    answered, node = await got(choices(usage={"prompt_tokens": 0, "completion_tokens": 0}))
    end = assert_charged(node, answered.json(), node.books.charged[1])
    assert end.estimated
    assert end.prompt_tokens > 0
    assert end.completion_tokens == 5


async def test_an_exaggerated_report_is_charged_up_to_the_hold() -> None:
    answered, node = await got(choices(usage={"prompt_tokens": 10**9, "completion_tokens": 10**9}))
    told = answered.json()
    held = node.books.amounts[1]
    assert_charged(node, told, held)
    assert held < 10_000
    cost = told["usage"]["cost"]
    assert cost["base_msats"] + cost["input_msats"] + cost["output_msats"] == held


async def test_cached_input_and_the_providers_own_price_are_handled() -> None:
    usage = {
        "prompt_tokens": 12,
        "completion_tokens": 6,
        "prompt_tokens_details": {"cached_tokens": 10},
        "cost": 123.0,
    }
    answered, node = await got(choices(usage=usage, provider="Azure", metadata={"mine": 1}))
    told = answered.json()
    assert_charged(node, told, GOOD)
    assert told["usage"]["cost"]["cache_read_input_tokens"] == 10
    assert told["usage"]["prompt_tokens_details"] == {"cached_tokens": 10}
    assert told["provider"] == "played:Azure"
    assert told["metadata"]["mine"] == 1


async def test_an_answer_by_another_model_is_charged_as_the_one_that_was_sold() -> None:
    async with running() as node:
        node.upstream.next(chat(Reply(model="another/model")))
        told = (await node.chat()).json()
        assert told["model"] == "good"
        assert_charged(node, told, GOOD)


@pytest.mark.parametrize("name", [None, "", 5])
async def test_an_answer_without_an_id_gets_one(name: object) -> None:
    answered, node = await got({**choices(), "id": name})
    assert answered.json()["id"] == f"chatcmpl-{node.line.request_id}"


async def test_work_without_choices_is_charged_as_reported() -> None:
    answered, node = await got({"usage": {"prompt_tokens": 12, "completion_tokens": 6}})
    assert answered.status == 200
    assert_charged(node, answered.json(), GOOD)


async def test_an_answer_beside_an_error_is_an_answer() -> None:
    answered, node = await got(choices(error={"message": "warned"}))
    assert answered.status == 200
    assert node.books.settled.completion_tokens == 5


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"error": {"message": "Overloaded.", "code": 503}}, 503),
        ({"error": {"message": "Bad prompt.", "code": 400}, "usage": None}, 400),
        ({"error": "Sorry."}, 502),
        ({}, 502),
        ({"id": "c-1"}, 502),
        (b"", 502),
        (b"  \n", 502),
    ],
)
async def test_an_answer_that_is_none_is_free(body: object, status: int) -> None:
    answered, node = await got(body)
    assert answered.status == status
    assert answered.json()["error"]["type"] == "upstream_error"
    assert "othing was charged" in answered.json()["error"]["message"]
    assert node.books.was_released
    assert node.books.posted == 1_000_000
    assert len(node.upstream.requests) == 1


async def test_a_page_of_a_middlebox_is_free() -> None:
    answered, node = await got(b"<html>Log in</html>", {"Content-Type": "text/html"})
    assert answered.status == 502
    assert node.books.was_released


@pytest.mark.parametrize(
    "body",
    [
        b"This is an answer.",
        b'["This is an answer."]',
        b'{"choices": [{"message": {"content": "This is an answer',
    ],
)
@pytest.mark.parametrize("kind", ["application/json", "application/problem+json", ""])
async def test_broken_json_is_free(body: bytes, kind: str) -> None:
    answered, node = await got(body, {"Content-Type": kind})
    assert answered.status == 502
    assert answered.json()["error"]["message"] == (
        "The provider's answer is broken. Nothing was charged."
    )
    assert node.books.was_released
    assert len(node.upstream.requests) == 1


async def test_a_text_that_is_no_json_answer_is_passed_on_and_estimated() -> None:
    body, kind = b"This is an answer.", "text/plain"
    answered, node = await got(body, {"Content-Type": kind})
    assert (answered.status, answered.body, answered.header("content-type")) == (200, body, kind)
    assert node.books.settled.estimated
    assert node.books.settled.completion_tokens >= 5
    assert answered.header("x-routstr-cost-msats") == str(node.books.charged[1])
    assert len(node.upstream.requests) == 1


@pytest.mark.parametrize("play", [wrong_length(+50), endless()])
async def test_what_was_not_delivered_is_free(play: Any) -> None:
    async with running() as node:
        node.upstream.next(play)
        assert (await node.chat()).status == 502
        assert node.books.was_released


async def test_a_body_that_is_longer_than_announced_is_no_answer() -> None:
    async with running() as node:
        answered = await node.chat("too-long")
        assert answered.status == 502
        assert node.books.was_released
        assert answered.json()["error"]["code"] == "upstream_request_failed"


@pytest.mark.parametrize("model", sorted(set(PLAYS) - {"silent", "slow", "gzip-bomb"}))
async def test_whatever_the_provider_does_the_books_agree_with_the_client(model: str) -> None:
    async with running() as node:
        answered = await node.chat(model)
        end = node.books.only_end()
        assert answered.complete
        assert node.line.status == answered.status
        if end is None:
            assert answered.status >= 400
            assert node.books.posted == 1_000_000
        else:
            assert answered.status == 200
            assert node.books.charged[1] > 0
            assert node.line.cost_msat == node.books.charged[1]
