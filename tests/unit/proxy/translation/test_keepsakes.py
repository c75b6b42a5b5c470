"""Signatures of calls travel in their ids."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routstr.proxy.fields import encode, read_fields
from routstr.proxy.translation import messages_request, responses_request
from routstr.proxy.translation.chat_answer import read_answer
from routstr.proxy.translation.keepsakes import opened, sealed
from routstr.proxy.translation.messages_answer import message
from routstr.proxy.translation.messages_stream import MessagesWriter
from routstr.proxy.translation.responses_answer import response
from routstr.proxy.translation.responses_stream import ResponsesWriter
from tests.unit.proxy.translation.playing import chunk, message_of, response_of, sse, whole

SIGNATURE = {"google": {"thought_signature": "AY89a18IwQsQ8in/+=="}}
CALL = {
    "id": "function-call-1",
    "type": "function",
    "function": {"name": "look", "arguments": '{"at": 1}'},
    "extra_content": SIGNATURE,
}
FREE = {**CALL, "id": "function-call-2"}
del FREE["extra_content"]
CHUNKS = [chunk({"tool_calls": [CALL, FREE]}), chunk({}, "tool_calls")]  # as Gemini: no numbers


@given(st.text(max_size=9), st.dictionaries(st.text(max_size=5), st.text(max_size=9), max_size=2))
def test_what_was_kept_is_found_again(call_id: str, keepsake: dict[str, str]) -> None:
    assert opened(sealed(call_id, keepsake)) == (call_id, keepsake)


@pytest.mark.parametrize("call_id", ["", "call_1", "a__kept__", "a__kept__!", "a__kept__W10"])
def test_other_ids_are_themselves(call_id: str) -> None:
    assert opened(call_id) == (call_id, {})


def test_an_id_has_the_letters_that_ids_have() -> None:
    assert re.fullmatch(r"[a-zA-Z0-9_-]+", sealed("function-call-1", SIGNATURE))


def answered() -> Any:
    choice = {"index": 0, "message": {"tool_calls": [CALL, FREE]}, "finish_reason": "tool_calls"}
    fields = read_fields(encode({"id": "1", "choices": [choice]}))
    assert fields is not None
    return read_answer(fields, "1")


def test_a_message_s_calls_come_back_as_they_were() -> None:
    streamed = message_of(whole(MessagesWriter(), sse(CHUNKS)))
    for content in (message(answered())["content"], streamed["content"]):
        uses: Any = content
        results = [{"type": "tool_result", "tool_use_id": use["id"]} for use in uses]
        turns = [{"role": "assistant", "content": uses}, {"role": "user", "content": results}]
        told: Any = messages_request.chat_request({"messages": turns})["messages"]
        assert [call["id"] for call in told[0]["tool_calls"]] == [CALL["id"], FREE["id"]]
        assert [call.get("extra_content") for call in told[0]["tool_calls"]] == [SIGNATURE, None]
        assert [result["tool_call_id"] for result in told[1:]] == [CALL["id"], FREE["id"]]


def test_a_response_s_calls_come_back_as_they_were() -> None:
    streamed = response_of(whole(ResponsesWriter(), sse(CHUNKS)))
    for output in (response(answered())["output"], streamed["output"]):
        items: Any = output
        results = [
            {"type": "function_call_output", "call_id": item["call_id"], "output": "done"}
            for item in items
        ]
        told: Any = responses_request.chat_request({"input": [*items, *results]})["messages"]
        assert told[0]["tool_calls"] == [CALL, FREE]
        assert [result["tool_call_id"] for result in told[1:]] == [CALL["id"], FREE["id"]]
