"""What an answer says, for when its provider does not count it.

Only texts that a model produced count: content, reasoning, refusals, names and arguments of tool
calls. Repetitions of them under other names, roles and ids do not.
"""

from collections.abc import Callable, Iterator

import msgspec

from routstr.payment.tokens import output_estimate
from routstr.proxy.sse import StreamScanner, data_of, events

_SAID = ("content", "reasoning_content", "refusal", "text")


Said = Callable[[object], Iterator[str]]
"""What a model says in an answer or an event of a stream, as one dialect writes it."""


def output_tokens(answer: object, said: Said) -> int:
    """Tokens that the model produced in a JSON answer."""
    return output_estimate("".join(said(answer)))


def raw_tokens(body: bytes) -> int:
    """Tokens of a body that is no JSON answer."""
    return output_estimate(body.decode("utf-8", "replace"))


def streamed_tokens(scanner: StreamScanner, said: Said) -> int:
    """Tokens that a stream has brought; beyond its sample in proportion to its bytes."""
    texts: list[str] = []
    for event in events(scanner.sample):
        try:
            texts.extend(said(msgspec.json.decode(data_of(event))))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
    whole, sample = scanner.scale
    return -(-output_estimate("".join(texts)) * whole // sample)


def said_in_choices(answer: object) -> Iterator[str]:
    """Texts of all choices, whole or as deltas."""
    choices = answer.get("choices") if isinstance(answer, dict) else None
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict):
            yield from _texts(choice)
            for name in ("message", "delta"):
                yield from _texts(choice.get(name))


def _texts(part: object) -> Iterator[str]:
    if not isinstance(part, dict):
        return
    for name in _SAID:
        value = part.get(name)
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            yield from (
                item["text"]
                for item in value
                if isinstance(item, dict) and isinstance(item.get("text"), str)
            )
    if "reasoning_content" not in part and isinstance(part.get("reasoning"), str):
        yield part["reasoning"]
    calls = part.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict):
            yield from (
                function[name]
                for name in ("name", "arguments")
                if isinstance(function.get(name), str)
            )
