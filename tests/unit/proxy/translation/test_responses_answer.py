"""A chat completion as a response."""

import pytest

from routstr.payment.usage import Usage
from routstr.payment.usage_reading import parse_usage
from routstr.proxy.translation.chat_answer import Call, Ending, Identity, Kind, Said
from routstr.proxy.translation.responses_answer import counts, response

IDENTITY = Identity("1", "tiny-1", 5)


def test_thoughts_words_and_calls_are_items_in_this_order() -> None:
    words = [(Kind.THINKING, "Hm."), (Kind.TEXT, "I'll look.")]
    calls = [Call(1, "call_1", "look", ['{"at":', " 1}"]), Call(2, "call_2", "rest")]
    told = response(Said(IDENTITY, words, calls, Ending("tool_calls", called=True)))
    text = {"type": "output_text", "text": "I'll look.", "annotations": [], "logprobs": []}
    assert (told["id"], told["object"], told["status"]) == ("resp_1", "response", "completed")
    assert told["output"] == [
        {
            "id": "rs_1_0",
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": "Hm."}],
        },
        {
            "id": "msg_1_1",
            "type": "message",
            "status": "completed",
            "role": "assistant",
            "content": [text],
        },
        {
            "id": "fc_1_2",
            "type": "function_call",
            "status": "completed",
            "call_id": "call_1",
            "name": "look",
            "arguments": '{"at": 1}',
        },
        {
            "id": "fc_1_3",
            "type": "function_call",
            "status": "completed",
            "call_id": "call_2",
            "name": "rest",
            "arguments": "{}",
        },
    ]


def test_a_refusal_is_a_part_of_its_own() -> None:
    told = response(Said(IDENTITY, [(Kind.REFUSAL, "No.")], [], Ending("stop", refused=True)))
    assert isinstance(told["output"], list)
    assert told["output"][0]["content"] == [{"type": "refusal", "refusal": "No."}]


@pytest.mark.parametrize(
    ("reason", "why"), [("length", "max_output_tokens"), ("content_filter", "content_filter")]
)
def test_what_was_cut_off_is_incomplete(reason: str, why: str) -> None:
    words = [(Kind.THINKING, "Hm."), (Kind.TEXT, "Once")]
    told = response(Said(IDENTITY, words, [], Ending(reason)))
    assert told["status"] == "incomplete"
    assert told["incomplete_details"] == {"reason": why}
    assert isinstance(told["output"], list)
    assert "status" not in told["output"][0]
    assert told["output"][1]["status"] == "incomplete"
    assert response(Said(IDENTITY, [], [], Ending(reason)))["output"] == []


def test_cached_input_is_a_part_of_the_input() -> None:
    usage = Usage(prompt=7, cache_read=5, cache_write=3, completion=6, reasoning=2)
    shown = counts(usage)
    assert (shown["input_tokens"], shown["total_tokens"]) == (15, 21)
    assert parse_usage(shown) == usage
