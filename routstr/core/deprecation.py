"""How a client is told that something goes away: by headers of every answer, errors included.

::

    @router.get("/old", deprecated=True, dependencies=[Depends(Deprecation(since, sunset, link))])

A paid route says it with ``exchange.always_send(deprecation.headers)``.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Final

from starlette.requests import Request

from routstr.core.rendering import Header

NOTICE: Final = timedelta(days=180)
"""Least time between the announcement and the end."""
FURTHER_HEADERS: Final = "routstr.headers"
"""Name in the scope of a management request: a list whose headers go with its answer."""


@dataclass(frozen=True, slots=True)
class Deprecation:
    """What is deprecated ``since`` and served until ``sunset``; ``link`` is a page that says more.

    ``Deprecation`` as RFC 9745 has it, ``Sunset`` as RFC 8594. The times have time zones.
    """

    since: datetime
    sunset: datetime
    link: str

    def __post_init__(self) -> None:
        if self.sunset - self.since < NOTICE:
            raise ValueError(f"what is deprecated is served for {NOTICE.days} days at least")

    @property
    def headers(self) -> tuple[Header, ...]:
        """For raw ASGI."""
        sunset = format_datetime(self.sunset.astimezone(UTC), usegmt=True)
        return (
            (b"deprecation", b"@%d" % self.since.timestamp()),
            (b"sunset", sunset.encode()),
            (b"link", f'<{self.link}>; rel="deprecation"; type="text/html"'.encode()),
        )

    def __call__(self, request: Request) -> None:
        """A FastAPI dependency."""
        request.scope[FURTHER_HEADERS].extend(self.headers)
