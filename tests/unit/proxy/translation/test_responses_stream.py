"""A stream of chat completion chunks as the events of a response."""

from typing import Any

import pytest

from routstr.proxy.translation.responses_stream import ResponsesWriter
from tests.unit.proxy.translation.playing import call, chunk, response_of, sse, whole

ROLE = {"role": "assistant", "content": ""}


def told(*deltas: dict[str, Any], finish: str = "stop") -> list[dict[str, Any]]:
    chunks = [chunk(ROLE), *map(chunk, deltas), chunk({}, finish)]
    return whole(ResponsesWriter(), sse(chunks))


def names(found: list[dict[str, Any]]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in found]


def test_the_events_of_a_text() -> None:
    found = told({"content": "Hel"}, {"content": "lo!"})
    assert names(found) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    place = {"item_id": "msg_1_0", "output_index": 0, "content_index": 0}
    assert found[2]["item"] == {
        "id": "msg_1_0",
        "type": "message",
        "status": "in_progress",
        "role": "assistant",
        "content": [],
    }
    part = {"type": "output_text", "text": "Hello!", "annotations": [], "logprobs": []}
    assert found[3] == {
        "type": "response.content_part.added",
        "sequence_number": 3,
        **place,
        "part": {**part, "text": ""},
    }
    assert found[4] == {
        "type": "response.output_text.delta",
        "sequence_number": 4,
        **place,
        "delta": "Hel",
        "logprobs": [],
    }
    assert found[6]["text"] == "Hello!"
    assert found[7]["part"] == part
    response = response_of(found)
    assert response["output"][0]["content"] == [part]
    assert response["usage"]["input_tokens"] == 12
    assert found[0]["response"]["status"] == "in_progress"
    assert found[0]["response"]["usage"] is None


def test_thoughts_are_a_summary() -> None:
    found = told({"reasoning": "Let me"}, {"reasoning": " see."}, {"content": "Hi"})
    assert names(found)[2:8] == [
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
    ]
    assert found[2]["item"]["summary"] == []
    thoughts, words = response_of(found)["output"]
    assert thoughts["summary"] == [{"type": "summary_text", "text": "Let me see."}]
    assert words["content"][0]["text"] == "Hi"


def test_calls_one_after_the_other() -> None:
    found = told(
        {"content": "I'll look."},
        call(0, name="look", call_id="call_1"),
        call(0, '{"at":'),
        call(0, "1}"),
        call(1, name="rest", call_id="call_2"),
        finish="tool_calls",
    )
    output = response_of(found)["output"]
    assert [(one["call_id"], one["name"], one["arguments"]) for one in output[1:]] == [
        ("call_1", "look", '{"at":1}'),
        ("call_2", "rest", "{}"),
    ]
    done = [event for event in found if event["type"].endswith("arguments.done")]
    assert [(event["name"], event["item_id"]) for event in done] == [
        ("look", "fc_1_1"),
        ("rest", "fc_1_2"),
    ]
    whole_before = names(found).index("function_call_arguments.done")
    assert found[whole_before + 2]["item"]["name"] == "rest", "it ended before the next began"


def test_calls_told_in_turns() -> None:
    found = told(
        call(0, name="a", call_id="call_1"),
        call(1, name="b", call_id="call_2"),
        call(0, '{"x":1}'),
        call(1, '{"y":2}'),
        finish="tool_calls",
    )
    output = response_of(found)["output"]
    assert [one["arguments"] for one in output] == ['{"x":1}', '{"y":2}']


def test_a_refusal() -> None:
    found = told({"refusal": "I can"}, {"refusal": "not."})
    assert "refusal.done" in names(found)
    (item,) = response_of(found)["output"]
    assert item["content"] == [{"type": "refusal", "refusal": "I cannot."}]


@pytest.mark.parametrize(
    "deltas",
    [
        [{"content": "Once"}],
        [{"reasoning": "Hm"}],
        [call(0, name="a", call_id="call_1"), call(1, '{"x"', name="b", call_id="call_2")],
    ],
)
def test_only_the_last_item_is_what_was_cut_off(deltas: list[dict[str, Any]]) -> None:
    response = response_of(told(*deltas, finish="length"))
    assert response["incomplete_details"] == {"reason": "max_output_tokens"}
    *before, last = [item["status"] for item in response["output"]]
    assert (last, set(before) <= {"completed"}) == ("incomplete", True)
