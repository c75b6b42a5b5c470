"""A connection by which a mint tells of invoices that are paid (NUT-17).

What is heard here is a hint: whoever gets one asks the mint in the usual way. So nothing depends on
this connection but how soon a payment is noticed.
"""

import secrets
from itertools import count
from types import TracebackType
from typing import Final, Self

import aiohttp
import msgspec
from yarl import URL

from routstr.wallet.mint_errors import MintDown, MintUnclear
from routstr.wallet.mint_types import MintQuoteState

HEARTBEAT_S: Final = 30.0
MESSAGE_BYTES_MAX: Final = 1 << 16
_PATH: Final = "/v1/ws"


class _Payload(msgspec.Struct):
    quote: str = ""
    state: str = ""


class _Params(msgspec.Struct):
    payload: _Payload | None = None


class _Message(msgspec.Struct):
    """A notification has ``params``, an answer ``result`` or ``error`` (JSON-RPC 2.0)."""

    params: _Params | None = None
    error: object = None


class QuoteSocket:
    """``async with``: one connection to one mint. Raises MintDown, MintUnclear."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        """Take the session that decides which addresses are allowed, and the mint's URL."""
        self._session = session
        self._url = URL(url + _PATH, encoded=True)
        self._numbers = count(1)

    async def __aenter__(self) -> Self:
        try:
            self._socket = await self._session.ws_connect(
                self._url, heartbeat=HEARTBEAT_S, max_msg_size=MESSAGE_BYTES_MAX
            )
        except (aiohttp.ClientError, OSError) as error:
            raise MintDown(f"no connection: {type(error).__name__}") from None
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        await self._socket.close()

    async def watch(self, quote: str) -> None:
        """Ask to be told of a quote, by the mint's id of it; the mint tells its state at once."""
        params = {"kind": "bolt11_mint_quote", "subId": secrets.token_hex(8), "filters": [quote]}
        number = next(self._numbers)
        message = {"jsonrpc": "2.0", "id": number, "method": "subscribe", "params": params}
        try:
            await self._socket.send_str(msgspec.json.encode(message).decode())
        except (aiohttp.ClientError, OSError) as error:
            raise MintDown(f"the connection ended: {type(error).__name__}") from None

    async def next(self) -> str:
        """Wait until the mint says that a quote is no longer unpaid; return the mint's id of it."""
        while True:
            payload = _payload(await self._socket.receive())
            if payload is not None and payload.state != MintQuoteState.UNPAID:
                return payload.quote


def _payload(message: aiohttp.WSMessage) -> _Payload | None:
    if message.type is not aiohttp.WSMsgType.TEXT:
        raise MintDown(f"the connection ended: {message.type.name}")
    try:
        told = msgspec.json.decode(message.data, type=_Message)
    except msgspec.DecodeError as error:
        raise MintUnclear(f"a notification is not as agreed: {type(error).__name__}") from None
    if told.error is not None:
        raise MintUnclear("the mint refuses to tell of quotes")
    return None if told.params is None else told.params.payload
