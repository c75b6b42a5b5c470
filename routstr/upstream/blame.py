"""Whose fault a failed attempt is, and so what is done about it.

==============================================  =========  =========================================
the provider                                    blame      then
==============================================  =========  =========================================
cannot be reached, is late, 5xx, 408, no HTTP   PROVIDER   another one is asked; this one may be
                                                           left alone for a while
429                                             BUSY       the key rests as long as it says
401, 402, 407, 429 for want of credit           KEY        the key rests long, the operator is told
403                                             MODEL      the key rests for this model
404 ``model_not_found``                         ELSEWHERE  another provider is asked
403 of one that judges what requests say,       CLIENT     the answer stands: nobody else is asked
any other 4xx
==============================================  =========  =========================================
"""

from enum import Enum, auto
from typing import Final

from routstr.errors import UpstreamError, UpstreamRateLimited
from routstr.upstream.adapters.base import Adapter

_OWN_ACCOUNT: Final = frozenset({401, 402, 407})
_NO_CREDIT: Final = frozenset({"insufficient_quota", "billing_hard_limit_reached"})
_KEY_EXPIRED: Final = "key_expired"
_BUSY, _FORBIDDEN, _LATE, _NOT_FOUND, _SERVER = 429, 403, 408, 404, 500


class Blame(Enum):
    """Whose fault it is."""

    CLIENT = auto()
    PROVIDER = auto()
    BUSY = auto()
    KEY = auto()
    MODEL = auto()
    ELSEWHERE = auto()


def blame(error: UpstreamError, adapter: Adapter) -> Blame:
    """Judge what one attempt raised."""
    status = error.upstream_status
    if status in _OWN_ACCOUNT:
        return Blame.KEY
    if status == _BUSY:
        return Blame.KEY if error.details.get("code") in _NO_CREDIT else Blame.BUSY
    code = error.details.get("upstream_code")
    if status == _FORBIDDEN:
        judged = adapter.judges_content and code != _KEY_EXPIRED
        return Blame.CLIENT if judged else Blame.MODEL
    if status == _NOT_FOUND and code == "model_not_found":
        return Blame.ELSEWHERE
    client = _SERVER > status >= 400 and status != _LATE  # noqa: PLR2004 - any other 4xx
    return Blame.CLIENT if client else Blame.PROVIDER


def wait_s(error: UpstreamError) -> int | None:
    """How long a 429 asks to be left alone, in seconds; None when it does not say."""
    wait = error.details.get("retry_after_seconds")
    return wait if isinstance(error, UpstreamRateLimited) and isinstance(wait, int) else None
