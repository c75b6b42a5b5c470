import asyncio
import json
from dataclasses import replace
from typing import Any, NoReturn

import pytest

from devkit.upstream import answer, refuse, silent
from routstr.errors import PriceUnavailable
from routstr.ledger.entries import HoldRequest
from routstr.money import Msat
from routstr.proxy.dialects.choices import CHAT
from tests.unit.core.asgi import Answer
from tests.unit.proxy.harness import (
    HELLO,
    KEY,
    LIMITS,
    SNAPSHOT,
    UPSTREAM_KEY,
    Books,
    Node,
    running,
)


def assert_refused(answered: Answer, status: int, code: str, node: Node) -> Any:
    """An error in the envelope, told on the access line, with nothing held and nobody asked."""
    told = answered.json()
    assert (answered.status, told["error"]["code"]) == (status, code)
    assert told["request_id"] == answered.header("x-routstr-request-id") == node.line.request_id
    assert answered.header("cache-control") == "no-store"
    assert (node.line.status, node.line.error) == (status, code)
    assert node.books.holds == {}
    assert node.upstream.requests == []
    return told["error"]


@pytest.mark.parametrize("stream", [True, False])
async def test_the_provider_gets_the_clients_words_under_the_nodes_key(*, stream: bool) -> None:
    async with running() as node:
        await node.chat("GOOD", stream=stream, temperature=0.5, user="u-1")
        (request,) = node.upstream.requests
        assert request.header("authorization") == f"Bearer {UPSTREAM_KEY}"
        sent = request.json
        sent.pop("stream_options", None)
        assert sent == {
            "model": "played/good",
            "messages": HELLO,
            "stream": stream,
            "temperature": 0.5,
            "user": "u-1",
        }


async def test_the_hold_carries_the_price_of_its_moment() -> None:
    async with running() as node:
        await node.chat(max_tokens=50)
        entry = SNAPSHOT.models["good"]
        hold = node.books.holds[1]
        assert hold == HoldRequest(
            account=7,
            minimum=hold.minimum,
            wanted=hold.wanted,
            request_id=node.line.request_id,
            model="good",
            endpoint=CHAT.endpoint,
            price_version=4,
            rates=entry.rates_text,
        )
        assert Msat(1 + 50 * 3) <= hold.minimum <= hold.wanted < Msat(1_000)
        assert node.keys.minimum == hold.minimum


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "invalid_json"),
        (b"nonsense", "invalid_json"),
        (b"[]", "invalid_json"),
        (b'{"model":', "invalid_json"),
        (b"{}", "invalid_parameter"),
        (b'{"model":5}', "invalid_parameter"),
        (b'{"model":"good","messages":[],"stream":"yes"}', "invalid_parameter"),
        (b'{"model":"good","messages":[],"max_tokens":-1}', "invalid_parameter"),
        (b'{"model":"good","messages":[],"max_tokens":0}', "invalid_parameter"),
        (b'{"model":"good","messages":[],"max_tokens":"5"}', "invalid_parameter"),
        (b'{"model":"good","messages":[],"max_tokens":1.5}', "invalid_parameter"),
        (b'{"model":"good","messages":[],"max_tokens":99999999999999999999}', "invalid_parameter"),
        (b'{"model":"good","messages":[],"max_completion_tokens":-5}', "invalid_parameter"),
        (b'{"model":"good","messages":[],"n":0}', "invalid_parameter"),
        (b'{"model":"good","messages":[],"n":100000}', "invalid_parameter"),
    ],
)
async def test_a_bad_body_is_refused_before_anything_is_touched(raw: bytes, code: str) -> None:
    async with running() as node:
        assert_refused(await node.ask(raw=raw), 400, code, node)
        assert node.keys.minimum is None


@pytest.mark.parametrize("model", ["gpt-unknown", "a\nb", "<script>", "../good", "good\x00"])
async def test_an_unknown_model_is_refused_by_name(model: str) -> None:
    async with running() as node:
        error = assert_refused(await node.chat(model), 400, "model_not_found", node)
        assert error["type"] == "invalid_model"
        assert error["message"].startswith("Model '")
        assert error["message"].isprintable()


@pytest.mark.parametrize("model", ["good", "GOOD", "played/good", "good-20250101"])
async def test_a_model_is_found_by_all_its_names(model: str) -> None:
    async with running() as node:
        assert (await node.chat(model)).json()["model"] == "good"
        assert node.line.model == "good"


@pytest.mark.parametrize(("key", "code"), [("sk-unknown", "invalid_api_key"), ("", None)])
async def test_who_is_not_known_is_refused(key: str | None, code: str | None) -> None:
    async with running() as node:
        answered = await node.ask({"model": "good", "messages": HELLO}, key=key)
        error = assert_refused(answered, 401, code or "invalid_api_key", node)
        assert error["type"] == "invalid_request_error"
        assert node.line.key_id is None


async def test_too_little_money_is_told_so_that_a_client_can_top_up() -> None:
    async with running(books=Books(posted=90)) as node:
        answered = await node.chat(max_tokens=50)
        error = assert_refused(answered, 402, "insufficient_balance", node)
        assert error["type"] == "insufficient_quota"
        assert "1 sats required" in error["message"]
        details = error["details"]
        assert details["available"] == 90
        assert details["reserved"] == 0
        assert details["required"] == node.keys.minimum
        assert details["shortfall"] == details["required"] - 90
        assert node.line.key_id == "key-1"


async def test_a_closed_account_is_refused() -> None:
    async with running(books=Books(closed=True)) as node:
        assert_refused(await node.chat(), 401, "invalid_api_key", node)


async def test_a_balance_between_admission_and_worst_case_limits_the_output() -> None:
    async with running(books=Books(posted=300)) as node:
        answered = await node.chat()
        limit = int(answered.header("x-routstr-max-tokens") or 0)
        assert 16 <= limit < 100
        assert node.upstream.requests[0].json["max_tokens"] == limit
        assert node.books.amounts[1] == 300
        assert 3 * limit < 300


async def test_a_balance_that_covers_the_worst_case_limits_nothing() -> None:
    async with running() as node:
        answered = await node.chat()
        assert answered.header("x-routstr-max-tokens") is None
        assert "max_tokens" not in node.upstream.requests[0].json


async def test_a_stream_tells_its_limit_too() -> None:
    async with running(books=Books(posted=300)) as node:
        answered = await node.chat("babble", stream=True)
        limit = int(answered.header("x-routstr-max-tokens") or 0)
        assert node.upstream.requests[0].json["max_tokens"] == limit
        assert node.books.charged[1] <= 300


async def test_of_two_limits_in_one_body_one_is_priced_and_sent() -> None:
    async with running() as node:
        body = b'{"model":"good","messages":[],"max_tokens":1,"max_tokens":100}'
        await node.ask(raw=body)
        assert json.loads(node.upstream.requests[0].body)["max_tokens"] == 100
        assert node.upstream.requests[0].body.count(b"max_tokens") == 1
        assert node.books.holds[1].wanted > Msat(100 * 3)


async def test_parallel_requests_are_served_as_far_as_the_money_goes() -> None:
    async with running() as node:
        node.books.posted = 1_000
        answers = await asyncio.gather(*(node.chat(max_tokens=60) for _ in range(20)))
        served = [answered for answered in answers if answered.status == 200]
        assert {answered.status for answered in answers} == {200, 402}
        assert node.books.held == 0
        assert node.books.posted == 1_000 - 31 * len(served) >= 0
        assert len(node.upstream.requests) == len(served) == len(node.books.ends)


@pytest.mark.parametrize("stream", [True, False])
async def test_a_refusal_by_the_provider_frees_everything(*, stream: bool) -> None:
    async with running() as node:
        node.upstream.next(refuse(429, message="Slow down, org-AbCd1234EfGh. try again in 3s"))
        answered = await node.chat(stream=stream)
        assert answered.status == 429
        assert answered.header("retry-after") == "7"
        error = answered.json()["error"]
        assert error["code"] == "UPSTREAM_RATE_LIMIT"
        assert "org-AbCd" not in answered.body.decode()
        assert error["details"]["model"] == "good"
        assert node.books.was_released
        assert node.line.error == "UPSTREAM_RATE_LIMIT"
        assert node.line.cost_msat is None


@pytest.mark.parametrize("stream", [True, False])
async def test_a_provider_that_cannot_be_reached_costs_nothing(*, stream: bool) -> None:
    async with running() as node:
        await node.upstream.close()
        answered = await node.chat(stream=stream)
        assert (answered.status, answered.json()["error"]["code"]) == (502, "upstream_unreachable")
        assert node.books.was_released


async def test_a_provider_that_does_not_answer_costs_nothing() -> None:
    async with running(limits=replace(LIMITS, first_byte_s=0.1)) as node:
        node.upstream.next(silent())
        began = asyncio.get_running_loop().time()
        answered = await node.chat()
        assert (answered.status, answered.json()["error"]["code"]) == (504, "upstream_timeout")
        assert asyncio.get_running_loop().time() - began < 1
        assert node.books.was_released


async def test_a_redirect_is_not_followed() -> None:
    async with running() as node:
        node.upstream.next(answer(302, b"", {"Location": f"{node.upstream.base_url}/elsewhere"}))
        assert (await node.chat()).status == 502
        assert len(node.upstream.requests) == 1
        assert node.books.was_released


async def test_a_providers_cookies_and_ids_do_not_reach_the_client() -> None:
    headers = {
        "Set-Cookie": "session=planted",
        "OpenAI-Organization": "planted",
        "X-Request-Id": "planted",
        "Connection": "close",
        "OpenAI-Processing-Ms": "12",
    }
    choice = {"message": {"content": "x"}}
    async with running() as node:
        node.upstream.next(answer(200, {"choices": [choice]}, headers))
        answered = await node.chat()
        assert b"planted" not in repr(answered.messages[0]).encode()
        assert answered.header("openai-processing-ms") == "12"
        assert answered.header("connection") is None


async def test_without_a_price_nothing_is_sold() -> None:
    def unpriced() -> NoReturn:
        raise PriceUnavailable

    async with running(catalog=unpriced) as node:
        assert_refused(await node.chat(), 503, "price_unavailable", node)


async def test_images_are_charged_from_the_request() -> None:
    picture = {"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}}
    message = {"role": "user", "content": [{"type": "text", "text": "What?"}, picture]}
    async with running() as node:
        answered = await node.ask({"model": "good", "messages": [message]})
        assert answered.status == 200
        assert node.books.charged == {1: 31}  # this model has no price for an image
        assert len(node.upstream.requests) == 1, "the image is not fetched"


async def test_no_key_shows_in_what_is_told() -> None:
    async with running() as node:
        answers = [await node.chat(model) for model in ("good", "refuse-401", "error-200")]
        told = repr([answered.messages for answered in answers]) + repr(node.lines.records)
        assert KEY not in told
        assert UPSTREAM_KEY not in told
        assert "127.0.0.1" not in told
