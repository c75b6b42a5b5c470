"""One endpoint of one provider: what is asked of it, and when its answer counts as one."""

from collections.abc import Awaitable, Iterable
from contextlib import suppress
from time import monotonic
from typing import Final, NoReturn

from msgspec import Struct
from yarl import URL

from routstr.errors import UpstreamError
from routstr.upstream.client import Answer, UpstreamClient, UpstreamLimits
from routstr.upstream.deadlines import Deadline
from routstr.upstream.faults import NOTHING_CHARGED, refusal
from routstr.upstream.headers import RawHeaders, RequestHeaders, returned
from routstr.upstream.provider import Provider

ERROR_BYTES_MAX: Final = 64 * 1024
_OK: Final = 200
_EVENT_STREAM: Final = "text/event-stream"


class Success(Struct, frozen=True, gc=False):
    """An answer with status 200: read whole, or (``body`` is None) a stream still to be read."""

    answer: Answer
    body: bytes | None
    headers: list[tuple[bytes, bytes]]
    """What the client may see of the provider's headers."""


class Endpoint:
    """Address and headers, built once; asked once per request."""

    __slots__ = ("_client", "_headers", "_url", "limits", "provider")

    def __init__(
        self,
        client: UpstreamClient,
        provider: Provider,
        path: str,
        limits: UpstreamLimits,
        forward_headers: Iterable[str] = (),
        *,
        model: str = "",
    ) -> None:
        """``forward_headers`` widens the list of the client's headers that pass.

        ``model`` is the model's name there, for providers whose addresses name it.
        """
        self._client: Final = client
        self._url: Final[URL] = provider.url(path, model)
        self._headers: Final = RequestHeaders(provider.headers_for(path), forward_headers)
        self.provider: Final = provider
        self.limits: Final = limits

    async def ask(
        self, received: RawHeaders, body: bytes, deadline: Deadline, *, model: str
    ) -> Success:
        """Send a body once. Raises :class:`UpstreamError` for anything but a 200.

        To be called inside ``deadline``, which is moved as the provider makes progress. A body
        that is not a stream is read to its end, however the request asked for it.
        """
        return await self.take(await self.send(received, body), deadline, model=model)

    def send(self, received: RawHeaders, body: bytes) -> Awaitable[Answer]:
        """The first half of :meth:`ask`: until the answer's head, whatever its status."""
        return self._client.send(self._url, self._headers.shared(received), body)

    async def take(self, answer: Answer, deadline: Deadline, *, model: str) -> Success:
        """The second half of :meth:`ask`: what the answer is worth. Closes one that is none."""
        try:
            if answer.status != _OK or answer.encoded:
                good = answer.status == _OK
                await refuse(answer, self.limits.idle_s, deadline, model, good=good)
            whole = None
            if answer.content_type != _EVENT_STREAM:
                limits = self.limits
                whole = await read_whole(answer, limits.answer_bytes, limits.idle_s, deadline)
        except BaseException:
            answer.close()
            raise
        return Success(answer, whole, returned(answer.headers))


async def read_whole(answer: Answer, bytes_max: int, idle_s: float, deadline: Deadline) -> bytes:
    """A body to its end; ``deadline`` moves with every piece. Raises :class:`UpstreamError`."""
    pieces: list[bytes] = []
    size = 0
    while piece := await answer.chunk():
        deadline.due = monotonic() + idle_s
        pieces.append(piece)
        size += len(piece)
        if size > bytes_max:
            raise UpstreamError(f"The provider's answer is too large. {NOTHING_CHARGED}")
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


async def refuse(
    answer: Answer, idle_s: float, deadline: Deadline, model: str, *, good: bool
) -> NoReturn:
    """Raise what an answer means that is none. ``good``: its status alone would be one."""
    text = b""
    if answer.encoded:  # plain was asked for; never unpacked, so that nothing can explode
        if good:
            raise UpstreamError(f"The provider's answer is encoded. {NOTHING_CHARGED}")
        raise refusal(answer.status, text, answer.headers, model)
    with suppress(UpstreamError):  # the status alone is an answer
        text = await read_whole(answer, ERROR_BYTES_MAX, idle_s, deadline)
    raise refusal(answer.status, text, answer.headers, model)
