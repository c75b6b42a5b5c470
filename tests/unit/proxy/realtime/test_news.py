"""Events of the provider: what is taken note of, and what the client gets of them."""

import json
from decimal import Decimal
from typing import Any

import pytest

from routstr.errors import UpstreamError
from routstr.money import Msat
from routstr.payment.cost import Cost
from routstr.payment.metering import Receipt
from routstr.payment.usage import Taken, Usage
from routstr.proxy.realtime.news import Outcome, clean, cleaned, read_news

CHARGED = Cost(*[Msat(amount) for amount in (9, 1, 4, 4, 0, 0)])
RECEIPT = Receipt(CHARGED, Msat(9), Msat(0), Msat(100), Usage(2, 1), None)


def done(**response: Any) -> str:
    return json.dumps(
        {"type": "response.done", "event_id": "e", "response": {"id": "r", **response}}
    )


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"type":null}', '{"type":"a","item_id":5}'])
def test_what_is_no_event_is_the_provider_s_failure(text: str) -> None:
    with pytest.raises(UpstreamError):
        read_news(text)


def test_parts_of_a_response() -> None:
    words = read_news('{"type":"response.output_text.delta","response_id":"r","delta":"H\\u00e9"}')
    assert (words.text, words.sound) == ("Hé", 0)
    spoken = read_news('{"type":"response.output_audio.delta","response_id":"r","delta":"AAAA"}')
    assert (spoken.text, spoken.sound) == ("", 3)
    odd = read_news('{"type":"response.output_text.delta","response_id":"r","delta":{"a":1}}')
    assert (odd.text, odd.sound) == ("", 0)
    assert read_news('{"type":"response.output_audio.delta"}').sound == 0


def test_the_end_of_a_response_tells_its_cost_and_no_price_of_the_provider_s() -> None:
    text = done(status="completed", usage={"input_tokens": 2, "output_tokens": 1, "cost": 5})
    outcome = Outcome(text, read_news(text))
    used = Usage(2, 1, taken=Taken(Decimal(5)))  # for the operator alone
    assert (outcome.id, outcome.status, outcome.usage) == ("r", "completed", used)
    event = json.loads(outcome.with_cost(RECEIPT, "played"))
    usage = event["response"]["usage"]
    assert usage["cost"]["total_msats"] == 9
    assert usage["remaining_balance_msats"] == 100
    assert (usage["input_tokens"], event["event_id"]) == (2, "e")
    assert event["response"]["provider"] == "played"


@pytest.mark.parametrize("response", [None, 5, "r", []])
def test_an_end_of_nothing_is_one_all_the_same(response: object) -> None:
    text = json.dumps({"type": "response.done", "response": response})
    outcome = Outcome(text, read_news(text))
    assert (outcome.id, outcome.usage) == ("", None)
    assert json.loads(outcome.with_cost(RECEIPT, "played"))["response"]["usage"]["cost"]


@pytest.mark.parametrize(
    "error",
    [
        {"type": "insufficient_quota", "code": "insufficient_quota", "message": "planted"},
        {"type": "invalid_request_error", "code": "invalid_api_key", "message": "planted"},
        {"type": "billing_error", "message": "planted", "planted": 1},
    ],
)
def test_the_node_s_own_account_is_nobody_s_business(error: dict[str, Any]) -> None:
    """A client that reads ``insufficient_quota`` would pay more into its key."""
    shown = clean(error)
    assert (shown["type"], shown["code"]) == ("upstream_error", "upstream_request_failed")
    assert "planted" not in str(shown)


def test_errors_lose_ids_and_keep_the_rest() -> None:
    told = {"message": "org-0123456789abcdef0 said", "event_id": "mine", "planted": {}}
    error = {"type": "invalid_request_error", "code": "x", "param": None, **told}
    text = json.dumps({"type": "error", "event_id": "e", "error": error})
    event = json.loads(cleaned(text, read_news(text)))
    assert "0123456789" not in str(event)
    assert "planted" not in event["error"]
    assert event["error"]["event_id"] == "mine"


def test_the_reason_of_a_failed_response_is_cleaned_too() -> None:
    details = {"type": "failed", "error": {"type": "insufficient_quota", "message": "planted"}}
    text = done(status="failed", status_details=details)
    event = Outcome(text, read_news(text)).with_cost(RECEIPT, "played")
    assert "planted" not in event
