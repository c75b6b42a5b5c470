"""How much a provider says a request used, in every dialect, from a provider that may lie. Pure.

==========================  ================================  =====================================
dialect                     input                             cached input
==========================  ================================  =====================================
chat, completions,          ``prompt_tokens``, all of it      ``prompt_tokens_details``:
embeddings                                                    ``cached_tokens``,
                                                              ``cache_write_tokens`` or
                                                              ``cache_creation_tokens``
DeepSeek                    ``prompt_tokens``, all of it      ``prompt_cache_hit_tokens``
Responses                   ``input_tokens``, all of it       ``input_tokens_details``, same names
Anthropic Messages          ``input_tokens``, uncached only   ``cache_read_input_tokens``,
                                                              ``cache_creation_input_tokens``
==========================  ================================  =====================================

Realtime's names are ``input_token_details`` and ``output_token_details``, with what is cached of
sound and pictures in ``cached_tokens_details``.

Output is ``completion_tokens`` or ``output_tokens``, reasoning included; its reasoning part is in
``completion_tokens_details`` or ``output_tokens_details``. The same details tell tokens of sound
and of pictures (``audio_tokens``, ``image_tokens``).

What is believed: whole numbers from 0 to 10^9 (a float without a fraction is one). A count of
input or output that is there and is anything else spoils the whole usage (None: the caller bills
an estimate). An odd detail is ignored; a detail larger than what it is a part of is cut to it.

What the provider says that it takes itself is no part of a bill; it is read for the operator:
``cost`` in USD (OpenRouter: what its customer paid it; with ``is_byok`` the provider behind it is
paid beside that, ``cost_details.upstream_inference_cost``), ``cost.total_msats`` of another node.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from routstr.payment.usage import Media, Taken, Usage

MAX_TOKENS: Final = 10**9
USD_MAX: Final = 10**6
"""No request costs more: a larger figure is no cost."""
_USUAL: Final = frozenset(
    {
        "completion_tokens",
        "completion_tokens_details",
        "prompt_tokens",
        "prompt_tokens_details",
        "total_tokens",
    }
)
"""Nearly all that is said; of the details, those that stand beside the ones that are read."""
_USUAL_INPUT: Final = frozenset({"audio_tokens", "cached_tokens"})
_USUAL_OUTPUT: Final = frozenset(
    {
        "accepted_prediction_tokens",
        "audio_tokens",
        "reasoning_tokens",
        "rejected_prediction_tokens",
    }
)
_INPUT_DETAILS: Final = ("input_tokens_details", "input_token_details")
_OUTPUT_DETAILS: Final = (
    "completion_tokens_details",
    "output_tokens_details",
    "output_token_details",
)


class _Spoilt(ValueError):
    """A count that decides the bill is not a count."""


def usage_of(body: object) -> Usage | None:
    """The usage that an answer or a stream event carries, wherever its dialect puts it.

    Top level (chat, Messages), ``response`` (Responses), ``message`` (``message_start``).
    """
    if not isinstance(body, Mapping):
        return None
    for holder in (body, body.get("response"), body.get("message")):
        if isinstance(holder, Mapping) and holder.get("usage") is not None:
            return parse_usage(holder["usage"])
    return None


def parse_usage(obj: object) -> Usage | None:
    """Read one usage object; None when it says nothing usable. Never raises."""
    if type(obj) is dict and (told := usual(obj)) is not None:
        return told
    if not isinstance(obj, Mapping):
        return None
    try:
        return _parse(obj)
    except _Spoilt:
        return None


def usual(raw: dict[str, Any]) -> Usage | None:
    """What most providers say, in a tenth of the time; None: it is for a closer look."""
    if not _USUAL.issuperset(raw):
        return None
    read, written = raw.get("prompt_tokens"), raw.get("completion_tokens")
    if type(read) is not int or type(written) is not int:
        return None
    cached = reasoning = 0
    if details := raw.get("prompt_tokens_details"):
        cached = _only(details, "cached_tokens", _USUAL_INPUT)
    if details := raw.get("completion_tokens_details"):
        reasoning = _only(details, "reasoning_tokens", _USUAL_OUTPUT)
    if 0 <= cached <= read <= MAX_TOKENS and 0 <= reasoning <= written <= MAX_TOKENS:
        return Usage(read - cached, written, cached, 0, reasoning)
    return None


def _only(details: object, name: str, usual: frozenset[str]) -> int:
    """A detail, when there is nothing of interest beside it; negative: there is, or it is odd."""
    if type(details) is not dict or not usual.issuperset(details) or details.get("audio_tokens"):
        return -1
    count = details.get(name) or 0
    return count if type(count) is int else -1


def _parse(raw: Mapping[Any, Any]) -> Usage | None:
    everything, details = _count(raw, "prompt_tokens"), raw.get("prompt_tokens_details")
    if everything is None and isinstance(newer := _first(raw, _INPUT_DETAILS), dict):
        everything, details = _count(raw, "input_tokens"), newer
    uncached = _count(raw, "input_tokens") if everything is None else None
    output = _output(raw, everything)
    if everything is None and uncached is None and output is None:
        return None
    read = max(
        _detail(raw, "cache_read_input_tokens", "prompt_cache_hit_tokens"),
        _detail(details, "cached_tokens"),
    )
    write = max(
        _detail(raw, "cache_creation_input_tokens"),
        _detail(details, "cache_write_tokens", "cache_creation_tokens"),
    )
    if everything is not None:
        read = min(read, everything)
        write = min(write, everything - read)
        uncached = everything - read - write
    return Usage(
        prompt=uncached or 0,
        completion=output or 0,
        cache_read=read,
        cache_write=write,
        reasoning=min(_reasoning(raw), output or 0),
        web_searches=_detail(raw.get("server_tool_use"), "web_search_requests"),
        media=_media(details, uncached or 0, _first(raw, _OUTPUT_DETAILS), output or 0),
        taken=None if raw.get("cost") is None else _taken(raw, raw["cost"]),
    )


def _taken(raw: Mapping[Any, Any], cost: object) -> Taken | None:
    """What the provider says that it takes; None when it is no cost."""
    if isinstance(cost, Mapping):
        msat = _whole(cost.get("total_msats"))
        return None if msat is None else Taken(Decimal(msat), in_msat=True)
    usd, behind = _usd(cost), raw.get("cost_details")
    if usd is None:
        return None
    if raw.get("is_byok") is True and isinstance(behind, Mapping):
        usd += _usd(behind.get("upstream_inference_cost")) or 0
    return Taken(usd)


def _usd(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # the digits that were sent, not the nearest fraction of two
    return Decimal(str(value)) if 0 <= value <= USD_MAX else None


def _media(details: object, prompt: int, of_output: object, completion: int) -> Media | None:
    """Tokens of sound and pictures, inside the counts that they are parts of."""
    if not isinstance(details, dict) and not isinstance(of_output, dict):
        return None
    # what was cached of them is inside the counts of all, and is charged as cached
    cached = details.get("cached_tokens_details") if isinstance(details, dict) else None
    of_sound = _detail(details, "audio_tokens") - _detail(cached, "audio_tokens")
    of_pictures = _detail(details, "image_tokens") - _detail(cached, "image_tokens")
    heard = min(max(0, of_sound), prompt)
    seen = min(max(0, of_pictures), prompt - heard)
    spoken = min(_detail(of_output, "audio_tokens"), completion)
    drawn = min(_detail(of_output, "image_tokens"), completion - spoken)
    return Media(heard, spoken, seen, drawn) if heard or seen or spoken or drawn else None


def _first(raw: Mapping[Any, Any], names: tuple[str, ...]) -> object:
    for name in names:
        found = raw.get(name)
        if found is not None:
            return found
    return None


def _output(raw: Mapping[Any, Any], everything: int | None) -> int | None:
    output = _count(raw, "completion_tokens")
    if output is None:
        output = _count(raw, "output_tokens")
    if output is None and everything is not None:
        return max(0, _detail(raw, "total_tokens") - everything)  # embeddings have no output
    return output


def _reasoning(raw: Mapping[Any, Any]) -> int:
    most = 0
    for name in _OUTPUT_DETAILS:
        details = raw.get(name)
        if details is not None:
            most = max(most, _detail(details, "reasoning_tokens"))
    return most


def _count(raw: Mapping[Any, Any], name: str) -> int | None:
    """A count that decides the bill: None when absent, :class:`_Spoilt` when it is no count."""
    value = raw.get(name)
    if value is None:
        return None
    count = _whole(value)
    if count is None:
        raise _Spoilt
    return count


def _detail(raw: object, *names: str) -> int:
    """The largest usable count of these names, which mean the same; 0 when there is none."""
    if not isinstance(raw, dict):  # objects come from JSON; asking for Mapping takes a microsecond
        return 0
    most = 0
    for name in names:
        count = _whole(raw.get(name))
        if count is not None and count > most:
            most = count
    return most


def _whole(value: object) -> int | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 <= value <= MAX_TOKENS else None
