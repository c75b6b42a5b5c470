"""A provider's refusal, told to the client in the node's own words and envelope.

========================  =========================================================================
provider says             client gets
========================  =========================================================================
401, 402, 407             502: it is the node's account that is refused, not the client's key
429                       429 ``UPSTREAM_RATE_LIMIT`` with details and ``Retry-After``
any other 4xx, any 5xx    the same status (``upstream_rejected``)
200 with an error inside  as above by the code inside, else 502
any other 2xx, 3xx, odd   502; redirects are never followed
========================  =========================================================================

The provider's message is shown when it is JSON's ``error.message``, without account ids and keys.
"""

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from routstr.core.redaction import clean
from routstr.core.secret import MASK
from routstr.errors import UpstreamError, UpstreamRateLimited, UpstreamRejected

MESSAGE_CHARS_MAX: Final = 600
NOTHING_CHARGED: Final = "Nothing was charged."
_OWN_ACCOUNT: Final = frozenset({401, 402, 407})
_ACCOUNT_IDS: Final = re.compile(
    r"\b(?:org|proj|project|user|acct|account|cus|key|team|tenant)[-_]"
    r"(?:(?=[a-z]*[0-9])[0-9a-z]{6,}|[0-9a-z]{16,})"
    r"|\b(?:sk|pk|xai|gsk)-[0-9a-z_*.-]{3,}"
    r"|[\w.+-]{1,64}@[\w-]{1,64}\.[\w.-]{2,64}",
    re.IGNORECASE,
)
_SECONDS: Final = re.compile(r"try again in (?:(\d+)m(?!s))?(\d+(?:\.\d+)?)?(ms|s)?", re.IGNORECASE)
_QUOTA: Final = re.compile(
    r"on (?P<limit_name>[\w /-]+?) ?(?:\((?P<metric>\w+)\))?: "
    r"Limit:? (?P<limit>\d+), Used:? (?P<used>\d+), Requested:? (?P<requested>\d+)",
    re.IGNORECASE,
)


def refusal(status: int, body: bytes, headers: Mapping[str, str], model: str) -> UpstreamError:
    """What to raise for an answer whose status is not 200. ``body`` may be cut short."""
    return _error(status, _inner(body), headers, model)


def refusal_inside(error: object, model: str, note: str = NOTHING_CHARGED) -> UpstreamError:
    """What to tell of an answer with status 200 that carries ``error``; ``note`` ends it."""
    inner = error if isinstance(error, dict) else {"message": error}
    code = inner.get("code")
    if isinstance(code, str) and code.isascii() and code.isdigit() and len(code) == 3:  # noqa: PLR2004
        code = int(code)
    status = code if isinstance(code, int) and not isinstance(code, bool) else 502
    return _error(status, inner, {}, model, note)


def _error(
    status: int,
    inner: Mapping[str, object],
    headers: Mapping[str, str],
    model: str,
    note: str = NOTHING_CHARGED,
) -> UpstreamError:
    said = shown(inner.get("message")).rstrip()
    message = f"{said or f'The provider answered with status {status}.'} ({note})"
    details: dict[str, str | int | bool | list[str] | None] = {"upstream_status": status}
    for name in ("code", "type", "param"):
        value = inner.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool):
            details[f"upstream_{name}"] = shown(value)
    if status == 429:  # noqa: PLR2004
        return _rate_limited(message, said, inner, headers, model)
    if status in _OWN_ACCOUNT:
        refused = UpstreamError(f"The provider refused this node's account. {note}")
        refused.upstream_status = status
        return refused
    if not 400 <= status <= 599:  # noqa: PLR2004
        return UpstreamError(message, details=details)
    error = UpstreamRejected(message, upstream_status=status, details=details)
    if (wait := _retry_after(said, headers)) is not None:
        error.headers = {"Retry-After": str(wait)}
    return error


def _rate_limited(
    message: str,
    said: str,
    inner: Mapping[str, object],
    headers: Mapping[str, str],
    model: str,
) -> UpstreamRateLimited:
    wait = _retry_after(said, headers)
    quota = _QUOTA.search(said)
    found = quota.groupdict() if quota else {}
    code = inner.get("code")
    return UpstreamRateLimited(
        message,
        details={
            "code": shown(code) if isinstance(code, str | int) else None,
            "message": said or None,
            "model": model,
            "limit_name": found.get("limit_name"),
            "metric": found.get("metric"),
            **{name: _number(found.get(name)) for name in ("limit", "used", "requested")},
            "retry_after_seconds": wait,
        },
        headers={"Retry-After": str(wait)} if wait is not None else None,
    )


def _inner(body: bytes) -> Mapping[str, object]:
    """The provider's error object; empty when the body is not JSON (an HTML page, a cut text)."""
    try:
        parsed: object = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}
    if isinstance(parsed, list) and parsed:
        parsed = parsed[0]  # Google's compatible endpoint wraps its errors in a list
    if not isinstance(parsed, dict):
        return {}
    inner = parsed.get("error", parsed)
    if isinstance(inner, str):
        return {**parsed, "message": inner}
    if not isinstance(inner, dict):
        return {}
    if "message" not in inner and isinstance(inner.get("detail"), str):
        return {**inner, "message": inner["detail"]}
    return inner


def shown(value: object) -> str:
    """A provider's text as far as it may be shown."""
    if not isinstance(value, str | int) or isinstance(value, bool):
        return ""
    text = _ACCOUNT_IDS.sub(MASK, str(value)[: 4 * MESSAGE_CHARS_MAX])
    text = clean(text)
    return text if len(text) <= MESSAGE_CHARS_MAX else text[: MESSAGE_CHARS_MAX - 1] + "…"


def _retry_after(message: str, headers: Mapping[str, str]) -> int | None:
    """Whole seconds to wait, rounded up, by the header or else by the message."""
    given = headers.get("Retry-After", "")
    if given.isascii() and given.isdigit() and len(given) <= 6:  # noqa: PLR2004
        return int(given)
    found = _SECONDS.search(message)
    if found is None or not (found[1] or found[2]):
        return None
    milliseconds = int(found[1] or 0) * 60_000
    whole, _, fraction = (found[2] or "0").partition(".")
    if (found[3] or "s").lower() == "ms":
        milliseconds += int(whole) + bool(fraction.strip("0"))
    else:
        milliseconds += int(whole[:6]) * 1_000 + int((fraction + "000")[:3])
    return max(1, -(-milliseconds // 1_000))


def _number(text: str | None) -> int | None:
    return int(text[:15]) if text else None
