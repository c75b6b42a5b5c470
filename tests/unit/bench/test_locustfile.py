import json

from bench.locustfile import body, cost_msats, fault


def test_a_stream_asks_for_its_usage() -> None:
    assert body("m", stream=True, max_tokens=5)["stream_options"] == {"include_usage": True}
    assert "stream" not in body("m", stream=False, max_tokens=5)


def test_a_refusal_is_counted_by_its_code() -> None:
    assert fault(402, b'{"error": {"code": "insufficient_balance"}}') == "402 insufficient_balance"
    assert fault(502, b"<html>") == "502"


def test_the_cost_of_an_answer_and_of_a_stream_is_read() -> None:
    told = json.dumps({"cost": {"total_msats": 49}}).encode()
    assert cost_msats([told]) == 49
    assert cost_msats([b"data: {}", b"data: " + told, b"data: [DONE]"]) == 49
    assert cost_msats([b"{}"]) == 0
