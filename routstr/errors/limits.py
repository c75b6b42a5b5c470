"""Too much in too short a time, by the operator's limits. Refused before anything is held."""

from typing import ClassVar

from routstr.errors.base import RoutstrError


class RateLimitError(RoutstrError):
    """Too many requests or tokens in too short a time. Nothing was charged."""

    status: ClassVar[int] = 429
    type: ClassVar[str] = "rate_limit_error"
    code: ClassVar[str] = "rate_limit_exceeded"


class TooManyAtOnce(RateLimitError):
    """Too many requests at the same time. Nothing was charged."""

    code: ClassVar[str] = "concurrency_limit_exceeded"
