"""Whether another node answers, as far as can be seen without paying.

Anybody may announce any address, so each is treated as hostile: the session connects to public
ones only, no redirect is followed, answers are small and quick, and nothing is sent but a GET.
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

import aiohttp
import msgspec
from aiohttp import ClientError, ClientSession
from msgspec import Raw, Struct
from yarl import URL

from routstr.discovery.identity import InvalidPublicKey, public_key
from routstr.discovery.listing import of_tor

CALL_SECONDS: Final = 10.0
TOR_SECONDS: Final = 30.0
ANSWER_BYTES_MAX: Final = 16 * 1024
NOTHING: Final = Raw(b"null")
ERROR: Final = "error"
UNKNOWN: Final = "unknown"
_PLACES: Final = {"info": "/v1/info", "models": "/v1/models", "root": "/"}
_CHUNK_BYTES: Final = 8 * 1024
_NPUB_CHARS_MAX: Final = 80
_HEADERS: Final = {"Accept": "application/json", "Accept-Encoding": "identity"}


class Health(Struct, frozen=True):
    """How a node answered: at ``info``, ``models`` or ``root``.

    ``error``: it did not, ``status_code`` is its last status, if it had one. ``unknown``: it is
    found inside Tor only, which this node does not use.
    """

    status_code: int | None
    endpoint: str
    json: Raw = NOTHING
    """What it answered, checked to be JSON; null: that was something else, or too long."""

    @property
    def serves(self) -> bool:
        """Whether it answers."""
        return self.endpoint in _PLACES


class _InfoJson(Struct):
    npub: str = ""


class Probe:
    """Asks nodes how they are."""

    def __init__(self, session: ClientSession, *, tor: bool) -> None:
        """``session`` connects to public addresses only (``outgoing_session``)."""
        self._session: Final = session
        self._tor: Final = tor

    async def look(self, urls: Sequence[str]) -> Health:
        """How the node at these addresses is: the first one that can be asked from here counts."""
        url = next((one for one in urls if self._tor or not of_tor(one)), None)
        if url is None:
            return Health(None, UNKNOWN)
        status = None
        for endpoint, place in _PLACES.items():
            try:
                status, body = await self._get(url.removesuffix("/v1") + place)
            except (ClientError, OSError, ValueError):  # TimeoutError is an OSError
                break
            if status == HTTPStatus.OK:
                return Health(status, endpoint, _json(body))
        return Health(status, ERROR)

    async def _get(self, url: str) -> tuple[int, bytes]:
        """Status and body; an empty one where it is too long or encoded."""
        limits = aiohttp.ClientTimeout(total=TOR_SECONDS if of_tor(url) else CALL_SECONDS)
        async with self._session.get(
            URL(url, encoded=True), headers=_HEADERS, timeout=limits, allow_redirects=False
        ) as response:
            status = response.status
            if response.headers.get("Content-Encoding", "identity") != "identity":
                return status, b""
            body = bytearray()
            async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
                body += chunk
                if len(body) > ANSWER_BYTES_MAX:
                    response.close()
                    return status, b""
            return status, bytes(body)


def own_key(health: Health) -> str:
    """The public key that a node names as its own, as hexadecimal digits; empty: none.

    Whoever announces an address with this key does it in the node's own name.
    """
    try:
        npub = msgspec.json.decode(health.json, type=_InfoJson).npub
        return public_key(npub) if 0 < len(npub) <= _NPUB_CHARS_MAX else ""
    except (msgspec.MsgspecError, RecursionError, UnicodeError, InvalidPublicKey):
        return ""


def _json(body: bytes) -> Raw:
    try:
        msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return NOTHING
    return Raw(body)
