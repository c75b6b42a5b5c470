"""Parameters that a model refuses by name: left out, or sent under the name that it takes.

Only what changes how, not what, is answered is ever left out. A limit of the output is never left
out, as the price of a request counts with it: it gets its other name or the refusal stands. What a
model refuses whatever its value is remembered, so that it costs nobody a second question.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from routstr.errors import UpstreamRejected

Corrections = Mapping[str, str | None]
"""By parameter: its other name, or None where it is left out."""

CORRECTIONS_MAX: Final = 3
"""How often one request is corrected."""

_OMISSIBLE: Final = frozenset(
    {
        *("frequency_penalty", "logit_bias", "metadata", "min_p", "parallel_tool_calls"),
        *("presence_penalty", "prompt_cache_key", "repetition_penalty", "safety_identifier"),
        *("seed", "service_tier", "store", "stream_options", "temperature", "top_k", "top_p"),
        *("user", "verbosity"),
    }
)
_LIMITS: Final[Mapping[str, str]] = {
    "max_tokens": "max_completion_tokens",
    "max_completion_tokens": "max_tokens",
}
_REFUSED: Final = re.compile(
    r"unsupported|not support|unrecognized|unknown|unexpected|deprecated|not permitted|cannot find",
    re.IGNORECASE,
)
_VALUE: Final = re.compile(r"unsupported[ _]value", re.IGNORECASE)
_ONLY_DEFAULT: Final = re.compile(r"only the default", re.IGNORECASE)
_NAMED: Final = re.compile(r"[`'\"]([a-z_]{1,40})[`'\"]|^([a-z_]{1,40}): ")
_BAD_REQUEST: Final = frozenset({400, 422})

_decode: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Correction:
    """What to change once; ``lasting``: in every request to this model."""

    parameter: str
    instead: str | None
    lasting: bool


def correction(error: UpstreamRejected, body: bytes) -> Correction | None:
    """How to mend the body that was refused, or None when the refusal stands."""
    if error.upstream_status not in _BAD_REQUEST:
        return None
    code = str(error.details.get("upstream_code") or "")
    told = f"{code} {error.message}"
    if not _REFUSED.search(told):
        return None
    lasting = not _VALUE.search(told) or bool(_ONLY_DEFAULT.search(told))
    sent = _decode(body)
    for name in _names(error):
        if name not in sent:
            continue
        other = _LIMITS.get(name)
        if other is not None:
            return None if other in sent else Correction(name, other, lasting)
        if name in _OMISSIBLE:
            return Correction(name, None, lasting)
    return None


def corrected(body: bytes, corrections: Corrections) -> tuple[bytes, list[str]]:
    """The body as the model takes it, and what was changed in it."""
    sent = _decode(body)
    changed = [name for name in corrections if name in sent]
    for name in changed:
        value, instead = sent.pop(name), corrections[name]
        if instead is not None:
            sent.setdefault(instead, value)
    return (_encode(sent) if changed else body), changed


def _names(error: UpstreamRejected) -> list[str]:
    """The parameters that a refusal names, the one that it is about first."""
    parameter = error.details.get("upstream_param")
    quoted = [first or second for first, second in _NAMED.findall(error.message)]
    return [parameter, *quoted] if isinstance(parameter, str) else quoted
