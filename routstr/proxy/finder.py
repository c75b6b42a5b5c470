"""Routes that are more than a fixed path: stored responses, the operator's own endpoints.

What is known to be an endpoint elsewhere and has no price here is refused with these words; any
other path is left to the management API, which answers 404.
"""

from collections.abc import Awaitable
from typing import Final

from routstr.catalog.custom import CustomEndpoint
from routstr.errors import InvalidPath, NotPriced, RoutstrError
from routstr.proxy.custom import Custom, CustomParts
from routstr.proxy.exchange import Exchange
from routstr.proxy.hot import Serve
from routstr.proxy.once import Once
from routstr.proxy.plain_path import plain_segments
from routstr.proxy.stored import ENDPOINT, KIND, StoredResponses
from routstr.proxy.wire import Credentials

UNPRICED: Final = frozenset(
    {
        "assistants",
        "batches",
        "containers",
        "conversations",
        "evals",
        "files",
        "fine_tuning",
        "realtime",
        "threads",
        "uploads",
        "vector_stores",
        "videos",
    }
)
"""First segments of endpoints of OpenAI's that are sold only where the operator prices them."""
_UNKNOWN: Final = "unpriced"


class Found:
    """Finds who serves a path; see :class:`routstr.proxy.hot.Finder`."""

    def __init__(
        self,
        entries: tuple[CustomEndpoint, ...],
        parts: CustomParts,
        stored: StoredResponses,
        once: Once,
    ) -> None:
        self._entries: Final = entries
        self._parts: Final = parts
        self._stored: Final = stored
        self._once: Final = once
        self._first: Final = {entry.segments[0] for entry in entries} | UNPRICED | {KIND}

    def find(self, method: str, raw_path: bytes) -> tuple[str, Serve] | None:
        """The endpoint's name and who serves it; None for what is no business of these."""
        if not self._concerns(raw_path):
            return None
        try:
            segments = plain_segments(raw_path)
        except InvalidPath as error:
            return _UNKNOWN, _refusing(error)
        if (serve := self._stored.find(method, segments)) is not None:
            return ENDPOINT, serve
        for entry in self._entries:
            if method in entry.methods and (found := entry.match(segments)) is not None:
                custom = Custom(self._parts, entry, found)
                return entry.path, self._once.around(f"{method} {entry.path}", custom)
        if segments[0] not in UNPRICED:
            return None
        return _UNKNOWN, _refusing(
            NotPriced(f"/v1/{segments[0]} has no price on this node.", details={"method": method})
        )

    def _concerns(self, raw_path: bytes) -> bool:
        """Whether the path begins as one of these does, whatever comes then."""
        first, _, rest = raw_path.decode("latin-1").lstrip("/").partition("/")
        if first == "v1":
            first = rest.lstrip("/").partition("/")[0]
        return first.partition("?")[0] in self._first


def _refusing(error: RoutstrError) -> Serve:
    def refuse(_exchange: Exchange, _credentials: Credentials, _body: bytes) -> Awaitable[None]:
        raise error

    return refuse
