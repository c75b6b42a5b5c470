"""The provider behind this node did not deliver. Nothing was charged unless the message says so."""

from typing import ClassVar

from routstr.errors.base import Details, RoutstrError


class UpstreamError(RoutstrError):
    """The upstream request failed. Nothing was charged."""

    status: ClassVar[int] = 502
    type: ClassVar[str] = "upstream_error"
    code: ClassVar[str] = "upstream_request_failed"

    upstream_status: int = 0
    """The status that the provider refused with; 0 when it gave none."""
    answered: bool = False
    """Whether it failed after a status of 200: then nobody else is asked."""


class UpstreamUnavailable(UpstreamError):
    """The upstream cannot be reached. Nothing was charged."""

    status: ClassVar[int] = 502
    code: ClassVar[str] = "upstream_unreachable"


class UpstreamTimeout(UpstreamError):
    """The upstream did not answer in time. Nothing was charged."""

    status: ClassVar[int] = 504
    code: ClassVar[str] = "upstream_timeout"


class UpstreamRejected(UpstreamError):
    """The upstream refused the request. Nothing was charged."""

    code: ClassVar[str] = "upstream_rejected"

    def __init__(
        self, message: str = "", *, upstream_status: int, details: Details | None = None
    ) -> None:
        """Carry the provider's own 4xx or 5xx status on to the client."""
        super().__init__(message, details=details)
        self.upstream_status = upstream_status

    @property
    def http_status(self) -> int:
        return self.upstream_status


class UpstreamRateLimited(UpstreamError):
    """The upstream asks to slow down. Nothing was charged."""

    status: ClassVar[int] = 429
    upstream_status = 429
    code: ClassVar[str] = "UPSTREAM_RATE_LIMIT"
