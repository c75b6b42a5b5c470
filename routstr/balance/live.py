"""A key's balance as it changes, over a WebSocket: ``/v1/balance/live``.

The first message brings the key, so that it stands in no address and no header::

    > {"api_key": "sk-..."}
    < {"type": "balance", "balance": 5000, "reserved": 0, "total": 5000, ...}   at once
    < {"type": "balance", ...}                                                  at each change

What is wrong is told as ``{"type": "error", "error": {...}}`` before the connection is closed.
All accounts that are watched are looked at together, once a second; nobody asks while nobody
watches. Whether the key still is one is looked up with every message and now and then.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from fastapi import APIRouter, WebSocket
from msgspec import Struct
from starlette.types import Message
from starlette.websockets import WebSocketDisconnect

from routstr.auth.service import Authenticator
from routstr.balance.payers import known_payer
from routstr.core.cors import Cors
from routstr.core.db import Database
from routstr.core.late_route import LateRoute
from routstr.errors import InvalidEvent, RoutstrError, TooManyAtOnce
from routstr.ledger.spending import Glance, glances

LOOK_SECONDS: Final = 1.0
FIRST_MESSAGE_SECONDS: Final = 10.0
CHECK_SECONDS: Final = 30.0
SEND_SECONDS: Final = 10.0
MESSAGE_CHARS_MAX: Final = 16_384
WATCHERS_MAX: Final = 8
"""Connections for one account."""
CONNECTIONS_MAX: Final = 1_000
_POLICY: Final = 1008
_RESTART: Final = 1012
_TRY_LATER: Final = 1013


class Opening(Struct, frozen=True):
    """The first message."""

    api_key: str


class _Account:
    """One account that is watched, and who waits for its changes."""

    __slots__ = ("changed", "glance", "watchers")

    def __init__(self) -> None:
        self.glance: Glance | None = None
        self.changed = asyncio.Event()
        self.watchers = 0


class LiveBalances:
    """Watches accounts for those who are connected to this process."""

    def __init__(self, db: Database, auth: Authenticator, cors: Cors) -> None:
        self._db: Final = db
        self._auth: Final = auth
        self._cors: Final = cors
        self._accounts: Final[dict[int, _Account]] = {}
        self._connections = 0
        self._closed = False

    def close(self) -> None:
        """Send everybody away: another part of the node serves them when they come again."""
        self._closed = True
        for account in self._accounts.values():
            account.changed.set()

    async def look(self) -> None:
        """Look at all watched accounts once, and wake those whose account has changed."""
        if not (watched := list(self._accounts)):
            return
        found = await self._db.read(lambda c: glances(c, watched))
        for number, glance in found.items():
            account = self._accounts.get(number)
            if account is not None and account.glance != glance:
                account.glance = glance
                account.changed.set()
                account.changed = asyncio.Event()

    def allows(self, socket: WebSocket) -> bool:
        """Whether the page that asks may: one of this node's own, or of an allowed origin."""
        origin = socket.headers.get("origin")
        if origin is None:
            return True  # no browser
        own = urlsplit(origin).netloc == socket.headers.get("host")
        return own or self._cors.allows(origin.encode("latin-1"))

    async def serve(self, socket: WebSocket) -> None:
        """Serve one connection to its end."""
        if self._closed or not self.allows(socket) or self._connections >= CONNECTIONS_MAX:
            await socket.close(_POLICY)  # before it is accepted: the answer is a 403
            return
        self._connections += 1
        try:
            await socket.accept()
            await self._answer(socket)
        except (WebSocketDisconnect, TimeoutError):
            pass  # the client has left, says nothing, or reads no more: the server closes
        finally:
            self._connections -= 1

    async def _answer(self, socket: WebSocket) -> None:
        try:
            await self._talk(socket)
        except RoutstrError as error:
            await _tell(socket, {"type": "error", "error": _told(error)})
            code = _TRY_LATER if isinstance(error, TooManyAtOnce) else _POLICY
            await socket.close(code, error.code)

    async def _talk(self, socket: WebSocket) -> None:
        authorization = f"Bearer {await _opening(socket)}"
        payer = await known_payer(self._auth, authorization)
        with self._seat(payer.account) as account:
            leaving = asyncio.create_task(socket.receive())
            try:
                await self._follow(socket, authorization, account, leaving)
            finally:
                leaving.cancel()

    async def _follow(
        self,
        socket: WebSocket,
        authorization: str,
        account: _Account,
        leaving: "asyncio.Task[Message]",
    ) -> None:
        told: Glance | None = None
        while not leaving.done():
            if self._closed:
                await socket.close(_RESTART)
                return
            payer = await known_payer(self._auth, authorization)
            if account.glance is None:
                account.glance = await self._glance(payer.account)
            changed, seen = account.changed, account.glance
            if seen != told:
                await _tell(socket, _balance(seen))
                told = seen
            change = asyncio.create_task(changed.wait())
            await asyncio.wait(
                {leaving, change}, timeout=CHECK_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            change.cancel()
        if leaving.result()["type"] == "websocket.receive":
            raise InvalidEvent("Only the first message is read.")

    async def _glance(self, number: int) -> Glance:
        return (await self._db.read(lambda c: glances(c, [number])))[number]

    @contextmanager
    def _seat(self, number: int) -> Iterator[_Account]:
        account = self._accounts.setdefault(number, _Account())
        if account.watchers >= WATCHERS_MAX:
            raise TooManyAtOnce(f"At most {WATCHERS_MAX} connections may watch one key.")
        account.watchers += 1
        try:
            yield account
        finally:
            account.watchers -= 1
            if not account.watchers:
                del self._accounts[number]


async def _opening(socket: WebSocket) -> str:
    """The key in the first message."""
    async with asyncio.timeout(FIRST_MESSAGE_SECONDS):
        message = await socket.receive()
    text = message.get("text")
    if message["type"] != "websocket.receive":
        raise WebSocketDisconnect
    if text is None or len(text) > MESSAGE_CHARS_MAX:
        raise InvalidEvent("The first message is a text with the key.")
    try:
        return msgspec.json.decode(text, type=Opening).api_key
    except (msgspec.MsgspecError, RecursionError):
        raise InvalidEvent('The first message is {"api_key": "sk-..."}.') from None


async def _tell(socket: WebSocket, told: dict[str, Any]) -> None:
    async with asyncio.timeout(SEND_SECONDS):
        await socket.send_text(msgspec.json.encode(told).decode())


def _balance(seen: Glance) -> dict[str, Any]:
    """Amounts in msat, named as in ``/v1/balance/info``."""
    return {
        "type": "balance",
        "balance": int(seen.total - seen.reserved),
        "reserved": int(seen.reserved),
        "total": int(seen.total),
        "total_spent": int(seen.spent),
        "total_requests": seen.requests,
    }


def _told(error: RoutstrError) -> dict[str, Any]:
    return {"type": error.type, "code": error.code, "message": error.message}


router = APIRouter(route_class=LateRoute)


@router.websocket("/live")
async def live(socket: WebSocket) -> None:
    """Tell a key's balance now and whenever it changes."""
    service: LiveBalances = socket.app.state.live
    await service.serve(socket)
