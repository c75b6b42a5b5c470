"""Calls to a provider that are no plain JSON POSTs: other methods, forms, answers of any kind.

Limits, failures and headers are those of :mod:`routstr.upstream.endpoint`; here the caller says
what the body is, and whether the answer is read whole or left to be relayed as it comes.
"""

from collections.abc import AsyncIterable, Callable, Iterable
from dataclasses import dataclass
from typing import Final

from aiohttp import BaseConnector
from multidict import CIMultiDict
from yarl import URL

from routstr.errors import UpstreamError
from routstr.upstream.client import Answer, UpstreamClient, UpstreamLimits
from routstr.upstream.deadlines import Deadline
from routstr.upstream.endpoint import Success, read_whole, refuse
from routstr.upstream.headers import RawHeaders, RequestHeaders, returned
from routstr.upstream.provider import Provider

_EVENT_STREAM: Final = "text/event-stream"
_GOOD: Final = range(200, 300)


@dataclass(frozen=True, slots=True)
class Call:
    """What is asked of a provider. ``path`` is below its base address, ``query`` raw.

    ``body`` in pieces has ``length`` bytes; None: chunked. ``content_type`` None: as JSON.
    ``model`` is its name at the provider, for those whose addresses name it.
    """

    path: str
    body: bytes | AsyncIterable[bytes] = b""
    method: str = "POST"
    query: str = ""
    content_type: str | None = None
    length: int | None = None
    model: str = ""


class Passage:
    """The way to one provider."""

    __slots__ = ("_client", "forwarded", "limits", "provider")

    def __init__(
        self,
        client: UpstreamClient,
        provider: Provider,
        limits: UpstreamLimits,
        forward_headers: Iterable[str] = (),
    ) -> None:
        """``forward_headers`` widens the list of the client's headers that pass."""
        self._client: Final = client
        self.forwarded: Final = tuple(forward_headers)
        self.provider: Final = provider
        self.limits: Final = limits

    @property
    def connector(self) -> BaseConnector | None:
        """What makes the connections."""
        return self._client.connector

    async def ask(
        self,
        received: RawHeaders,
        call: Call,
        deadline: Deadline,
        *,
        model: str,
        whole: Callable[[Answer], bool],
    ) -> Success:
        """Make a call once. Raises :class:`UpstreamError` for anything but a 2xx.

        To be called inside ``deadline``. ``whole`` says of an answer whether it is read to its
        end here; a stream of events never is.
        """
        answer = await self._client.send(
            self._url(call), self._headers(received, call), call.body, method=call.method
        )
        try:
            if answer.status not in _GOOD or answer.encoded:
                good = answer.status in _GOOD
                await refuse(answer, self.limits.idle_s, deadline, model, good=good)
            body = None
            if answer.content_type != _EVENT_STREAM and whole(answer):
                limits = self.limits
                body = await read_whole(answer, limits.answer_bytes, limits.idle_s, deadline)
        except BaseException as error:
            answer.close()
            if isinstance(error, UpstreamError):
                error.answered = answer.status in _GOOD
            raise
        return Success(answer, body, returned(answer.headers))

    def _url(self, call: Call) -> URL:
        url = self.provider.url(call.path, call.model)
        if not call.query:
            return url
        joint = "&" if url.raw_query_string else "?"
        return URL(f"{url}{joint}{call.query}", encoded=True)  # as the client wrote it

    def _headers(self, received: RawHeaders, call: Call) -> CIMultiDict[str]:
        own = self.provider.headers_for(call.path)
        headers = RequestHeaders(own, self.forwarded).build(received)
        if call.content_type is not None:
            headers["Content-Type"] = call.content_type
        elif not call.body:
            headers.popall("Content-Type", None)
        if call.length is not None:
            headers["Content-Length"] = str(call.length)
        return headers
