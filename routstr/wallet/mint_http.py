"""One exchange of JSON with one mint, and what its ending means.

Here it is decided whether the mint refused, never heard, or may have acted (see mint_errors). The
doubtful cases all count as "may have acted": asking for the state costs a call, a wrong "refused"
costs money. Nothing is ever sent twice, no redirect is followed, answers are bounded.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, NamedTuple, Protocol, TypeVar
from urllib.parse import quote

import aiohttp
import msgspec
from yarl import URL

from routstr.wallet.mint_errors import MintBusy, MintDown, MintRefusal, MintUnclear
from routstr.wallet.mint_gate import MintGate
from routstr.wallet.mint_health import MintHealth
from routstr.wallet.mint_socket import QuoteSocket

TIMEOUT_S: Final = 30.0  # for a whole call
MAX_ANSWER_BYTES: Final = 1 << 20
CONNECT_TIMEOUT_S: Final = 10.0
_CHUNK_BYTES: Final = 1 << 16
_HEADERS: Final = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",  # a small answer must not grow into a large one
    "Content-Type": "application/json",
}
# answered by routing and validation, before any handler runs, also without a protocol code
_NOT_UNDERSTOOD: Final = frozenset({404, 405, 422})
# answered by somebody in between, who cannot know what became of the request
_GAVE_UP_WAITING: Final = frozenset({408, 425, 499})

AnswerT = TypeVar("AnswerT")


class Called(Protocol):
    """Is told of each call what was asked, what became of it, and how long it took."""

    def __call__(self, operation: str, result: str, seconds: float, /) -> None: ...


def uncounted(_operation: str, _result: str, _seconds: float, /) -> None:
    """Tell nobody."""


# malformed or mistyped, not UTF-8, too deep
_NOT_AS_AGREED: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _Reply(NamedTuple):
    status: int
    retry_after: str
    body: bytes


class _ErrorBody(msgspec.Struct):
    """What mints say with an error (NUT-00). Validation errors have a list as detail."""

    detail: object = ""
    code: int | None = None


class MintHttp:
    """Sends requests to one mint, within its gate's bounds."""

    def __init__(
        self,
        url: str,
        session: aiohttp.ClientSession,
        gate: MintGate,
        timeout_s: float = TIMEOUT_S,
        called: Called = uncounted,
    ) -> None:
        """Use ``url`` without a trailing slash; the session decides which addresses are allowed."""
        self._timeout_s = timeout_s
        self._url = url
        self._session = session
        self._gate = gate
        self._called = called

    @property
    def health(self) -> MintHealth:
        """How the mint has served this process."""
        return self._gate.health

    async def get(self, path: str, answer: type[AnswerT], timeout_s: float | None) -> AnswerT:
        """Read something; the outcome of a read is unclear only in the sense of not known."""
        return _decoded(await self._exchange("GET", path, None, timeout_s), answer)

    async def post(
        self,
        path: str,
        body: Mapping[str, object],
        answer: type[AnswerT],
        timeout_s: float | None,
        *,
        doubted: frozenset[int] = frozenset(),
    ) -> AnswerT:
        """Ask the mint to act, once.

        ``doubted`` are error codes that a mint may also answer here after it has acted.
        """
        reply = await self._exchange("POST", path, msgspec.json.encode(body), timeout_s)
        return _decoded(reply, answer, doubted)

    def socket(self) -> QuoteSocket:
        """Make a connection for notifications, to the same mint by the same session."""
        return QuoteSocket(self._session, self._url)

    async def _exchange(
        self, method: str, path: str, body: bytes | None, timeout_s: float | None
    ) -> _Reply:
        timeout_s = timeout_s or self._timeout_s
        async with self._gate.slot(timeout_s):
            asked_s = self._gate.now_s()
            try:
                reply = await self._send(method, path, body, timeout_s)
            except (MintDown, MintUnclear) as error:
                self._gate.failed(str(error))
                self._tell(path, "down" if isinstance(error, MintDown) else "unclear", asked_s)
                raise
            self._tell(path, _result(reply.status), asked_s)
            if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
                seconds = int(reply.retry_after) if reply.retry_after.isdecimal() else None
                raise MintBusy(self._gate.asked_to_wait(seconds), sent=True)
            if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                self._gate.failed(f"HTTP status {reply.status}")
            else:
                self._gate.answered(asked_s)
            return reply

    def _tell(self, path: str, result: str, asked_s: float) -> None:
        self._called(_operation(path), result, self._gate.now_s() - asked_s)

    async def _send(self, method: str, path: str, body: bytes | None, timeout_s: float) -> _Reply:
        limits = aiohttp.ClientTimeout(
            total=timeout_s, connect=min(CONNECT_TIMEOUT_S, timeout_s / 2)
        )
        try:
            async with self._session.request(
                method,
                URL(self._url + path, encoded=True),
                data=body,
                headers=_HEADERS,
                timeout=limits,
                allow_redirects=False,
                auto_decompress=False,
            ) as response:
                retry_after = response.headers.get("Retry-After", "")[:8]
                return _Reply(response.status, retry_after, await _read(response))
        # the library's own words may hold the path and so a quote's id: only its class is kept
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise MintDown(f"no connection: {type(error).__name__}") from None
        except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
            raise MintUnclear(f"no complete answer: {type(error).__name__}") from None


def path_part(text: str) -> str:
    """Quote an id that a mint gave for use in a path."""
    return quote(text, safe="")


def _operation(path: str) -> str:
    """``/v1/mint/quote/bolt11/...`` is ``mint_quote``: without ids, and of few words."""
    _, _, *parts = path.split("/")
    return f"{parts[0]}_quote" if parts[1:2] == ["quote"] else parts[0]


def _result(status: int) -> str:
    if status == HTTPStatus.OK:
        return "answered"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return "busy"
    return "unclear" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "refused"


async def _read(response: aiohttp.ClientResponse) -> bytes:
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise MintUnclear("the answer is compressed, against what was asked for")
    body = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise MintUnclear("the answer is longer than a mint's answer may be")
    return bytes(body)


def _decoded(
    reply: _Reply, answer: type[AnswerT], doubted: frozenset[int] = frozenset()
) -> AnswerT:
    if reply.status != HTTPStatus.OK:
        raise _ending(reply, doubted)
    try:
        return msgspec.json.decode(reply.body, type=answer)
    except _NOT_AS_AGREED as error:
        raise MintUnclear(f"the answer is not as agreed: {type(error).__name__}") from None


def _ending(reply: _Reply, doubted: frozenset[int]) -> MintRefusal | MintUnclear:
    """Decide what an error answer means. 429 does not get here."""
    try:
        error = msgspec.json.decode(reply.body, type=_ErrorBody)
    except _NOT_AS_AGREED:
        return MintUnclear(f"HTTP status {reply.status} without the protocol's error")
    detail = error.detail if isinstance(error.detail, str) else "request not understood"
    is_refusal = (
        HTTPStatus.BAD_REQUEST <= reply.status < HTTPStatus.INTERNAL_SERVER_ERROR
        and reply.status not in _GAVE_UP_WAITING
    )
    # nutshell answers code 0 for whatever went wrong inside, also after a commit
    if is_refusal and error.code and error.code not in doubted:
        return MintRefusal(error.code, detail)
    if error.code is None and reply.status in _NOT_UNDERSTOOD:
        return MintRefusal(None, detail)
    return MintUnclear(f"HTTP status {reply.status}: {detail}", error.code)
