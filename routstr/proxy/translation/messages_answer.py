"""What a model said in a chat completion, as a message; and the events of its stream."""

from typing import Final

from msgspec import Raw

from routstr.payment.usage import Usage
from routstr.proxy.translation.chat_answer import Call, Ending, Kind, Said, is_object

_REASONS: Final = {
    "content_filter": "refusal",
    "function_call": "tool_use",
    "length": "max_tokens",
    "tool_calls": "tool_use",
}


def message(said: Said) -> dict[str, object]:
    """A message without its usage."""
    content: list[object] = [block(kind, text) for kind, text in said.words]
    content += [tool_use(call, _input(call.arguments)) for call in said.calls]
    return {
        "id": f"msg_{said.identity.number}",
        "type": "message",
        "role": "assistant",
        "model": said.identity.model,
        "content": content,
        **stop(said.ending),
    }


def block(kind: Kind, text: str) -> dict[str, object]:
    """Words as a block. Thoughts have no signature, since no provider has signed them."""
    if kind is Kind.THINKING:
        return {"type": "thinking", "thinking": text, "signature": ""}
    return {"type": "text", "text": text}


def tool_use(call: Call, given: object) -> dict[str, object]:
    """A call as a block."""
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": given}


def stop(ending: Ending) -> dict[str, object]:
    """Why it stopped."""
    reason = _REASONS.get(ending.reason or "stop", "end_turn")
    if ending.refused:
        reason = "refusal"
    elif ending.called and reason == "end_turn":  # some providers end calls with "stop"
        reason = "tool_use"
    elif ending.stop_sequence is not None and reason == "end_turn":
        reason = "stop_sequence"
    sequence = ending.stop_sequence if reason == "stop_sequence" else None
    return {"stop_reason": reason, "stop_sequence": sequence}


def counts(usage: Usage) -> dict[str, object]:
    """A usage in this endpoint's words: cached input comes on top of ``input_tokens``."""
    return {
        "input_tokens": usage.prompt,
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cache_read,
        "output_tokens": usage.completion,
    }


def _input(arguments: str) -> object:
    """The arguments as they came; those that are no JSON object stand in one as a text."""
    if not arguments.strip():
        return {}
    return Raw(arguments.encode()) if is_object(arguments) else {"arguments": arguments}
