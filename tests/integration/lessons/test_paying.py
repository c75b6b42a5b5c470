# ruff: noqa: N802 - a test is named after its lesson
"""Lessons about a token that pays for one request: whatever happens, what is left comes back."""

import json
from typing import Any, Final

from routstr.money import Unit
from routstr.wallet import token
from routstr.wallet.mint_types import ProofState
from tests.integration.lessons.conftest import Scene
from tests.integration.lessons.test_holding import FAILING
from tests.integration.money.house import QUESTION, Client, Reply

PRICED: Final[dict[str, dict[str, Any]]] = {
    "/v1/chat/completions": {"messages": QUESTION, "max_tokens": 20},
    "/v1/completions": {"prompt": "Say something.", "max_tokens": 20},
    "/v1/responses": {"input": "Say something.", "max_output_tokens": 20},
    "/v1/messages": {"messages": QUESTION, "max_tokens": 20},
    "/v1/embeddings": {"input": "Say something."},
    "/v1/moderations": {"input": "Say something."},
    "/v1/rerank": {"query": "Say something.", "documents": ["Something.", "Nothing."]},
}
UNPRICED: Final = ("/v1/images/generations", "/v1/audio/speech", "/v1/batches", "/v1/whatever")


async def pay(client: Client, path: str, text: str, model: str, **body: object) -> Reply:
    return await client.call("POST", path, headers={"X-Cashu": text}, json={"model": model, **body})


def told(reply: Reply) -> dict[str, Any]:
    """What an answer or the end of a stream says about the money."""
    lines = reply.body.decode().splitlines()
    data = [line[6:] for line in lines if line.startswith("data: {")]
    bodies = [json.loads(one) for one in data] if data else [reply.json]
    (routstr,) = [body["metadata"]["routstr"] for body in bodies if "metadata" in body]
    assert isinstance(routstr, dict)
    return routstr


async def given(scene: Scene, text: str) -> int:
    """What a token holds, in msat; it is redeemed, so it is good."""
    face = token.decode(text)
    assert await scene.mint.payer.redeem(text) == face.amount
    return int(face.unit.to_msat(face.amount))


async def test_A1_an_error_after_redemption_comes_with_the_change(
    scene: Scene, client: Client
) -> None:
    for play in FAILING:
        for stream in (False, True):
            text = await scene.mint.payer.token(100)
            reply = await client.pay(text, play, stream=stream)
            assert reply.status >= 400, play
            change = reply.headers["X-Cashu"]
            assert reply.json["error"]["refund_token"] == change, play
            claim = await client.claim(text)
            assert (claim.status, claim.json["token"]) == (200, change), play
            assert await given(scene, change) == 100_000, play


async def test_A2_a_stream_without_usage_is_charged_by_what_was_served(
    scene: Scene, client: Client
) -> None:
    text = await scene.mint.payer.token(100)
    reply = await client.pay(text, "no-usage", stream=True, max_tokens=20)
    says = told(reply)
    cost = says["cost"]["total_msats"]
    assert 0 < cost < 10_000
    assert says["estimated"] is True
    assert await given(scene, says["change"]) + says["unrefunded_msats"] == 100_000 - cost


async def test_A3_every_endpoint_has_a_price_or_leaves_the_token_alone(
    scene: Scene, client: Client
) -> None:
    for path, body in PRICED.items():
        text = await scene.mint.payer.token(100_000, Unit.MSAT)
        reply = await pay(client, path, text, "good", **body)
        assert reply.status == 200, (path, reply.body)
        cost = int(reply.headers["X-Routstr-Cost-Msats"])
        assert 0 < cost < 10_000, path
        assert await given(scene, reply.headers["X-Cashu"]) == 100_000 - cost, path
    for path in UNPRICED:
        text = await scene.mint.payer.token(100)
        reply = await pay(client, path, text, "good", input="Say something.")
        assert reply.status in {400, 404}, (path, reply.body)
        assert set(await scene.mint.payer.states(text)) == {ProofState.UNSPENT}, path


async def test_A4_a_streamed_response_is_split_where_its_events_end(
    scene: Scene, client: Client
) -> None:
    for play in ("good", "odd-borders", "single-bytes", "crlf"):
        text = await scene.mint.payer.token(100_000, Unit.MSAT)
        body = {**PRICED["/v1/responses"], "stream": True}
        reply = await pay(client, "/v1/responses", text, play, **body)
        says = told(reply)
        assert "estimated" not in says, play
        assert await given(scene, says["change"]) == 100_000 - says["cost"]["total_msats"], play


async def test_issue_528_the_change_is_found_by_the_token_that_paid(
    scene: Scene, client: Client
) -> None:
    """In either encoding, as often as it is asked for."""
    text = await scene.mint.payer.token(100)
    reply = await client.pay(text)
    other = token.encode_a(token.decode(text))
    claims = [await client.claim(one) for one in (text, other, text)]
    assert {claim.json["token"] for claim in claims} == {reply.headers["X-Cashu"]}
    never = await client.claim(await scene.mint.payer.token(100))
    assert never.status == 404
