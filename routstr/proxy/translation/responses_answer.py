"""What a model said in a chat completion, as a response."""

from typing import Final

from routstr.payment.usage import Usage
from routstr.proxy.translation.chat_answer import Call, Ending, Identity, Kind, Said

_INCOMPLETE: Final = {"content_filter": "content_filter", "length": "max_output_tokens"}

NO_ARGUMENTS: Final = "{}"
"""What some providers tell as an empty text."""


def response(said: Said) -> dict[str, object]:
    """A response without its usage."""
    names = Names(said.identity.number)
    whole = said.ending.is_whole
    output = [words(names.of(kind, at), kind, text) for at, (kind, text) in enumerate(said.words)]
    output += [
        function_call(names.call(at), call, call.arguments or NO_ARGUMENTS)
        for at, call in enumerate(said.calls, len(output))
    ]
    if output and not whole:
        output[-1]["status"] = "incomplete"
    return {**envelope(said.identity), **state(said.ending), "output": output}


class Names:
    """Ids of an answer's items."""

    __slots__ = ("_number",)

    def __init__(self, number: str) -> None:
        self._number: Final = number

    def of(self, kind: Kind, at: int) -> str:
        """Of the item with words in this place."""
        return f"{'rs' if kind is Kind.THINKING else 'msg'}_{self._number}_{at}"

    def call(self, at: int) -> str:
        """Of the call in this place; the id that its result names is another."""
        return f"fc_{self._number}_{at}"


def words(item_id: str, kind: Kind, text: str) -> dict[str, object]:
    """An item with words."""
    if kind is Kind.THINKING:
        return {"id": item_id, "type": "reasoning", "summary": [part(kind, text)]}
    return {
        "id": item_id,
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": [part(kind, text)],
    }


def part(kind: Kind, text: str) -> dict[str, object]:
    """The piece of an item that holds its words."""
    if kind is Kind.THINKING:
        return {"type": "summary_text", "text": text}
    if kind is Kind.REFUSAL:
        return {"type": "refusal", "refusal": text}
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def function_call(item_id: str, call: Call, arguments: str) -> dict[str, object]:
    """A call as an item."""
    return {
        "id": item_id,
        "type": "function_call",
        "status": "completed",
        "call_id": call.id,
        "name": call.name,
        "arguments": arguments,
    }


def envelope(identity: Identity) -> dict[str, object]:
    """What a response says beside its output; of the request it repeats nothing."""
    return {
        "id": f"resp_{identity.number}",
        "object": "response",
        "created_at": identity.created,
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "model": identity.model,
        "output": [],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "store": False,
        "temperature": None,
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
        "usage": None,
    }


def state(ending: Ending) -> dict[str, object]:
    """How far it came."""
    if ending.is_whole:
        return {"status": "completed"}
    reason = _INCOMPLETE[str(ending.reason)]
    return {"status": "incomplete", "incomplete_details": {"reason": reason}}


def counts(usage: Usage) -> dict[str, object]:
    """A usage in this endpoint's words: cached input is a part of ``input_tokens``."""
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {
            "cached_tokens": usage.cache_read,
            "cache_write_tokens": usage.cache_write,
        },
        "output_tokens": usage.completion,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.input + usage.completion,
    }
