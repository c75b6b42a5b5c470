"""The least that a Python relay can be: raw ASGI, one aiohttp session, no billing, no checks.

UPSTREAM=http://127.0.0.1:9000 uvicorn bench.bare_relay:app --no-access-log
It is what the node's paid path is measured against, with the same server and the same client.
"""

import os

import aiohttp
from starlette.types import Receive, Scope, Send

_UPSTREAM = os.environ.get("UPSTREAM", "")  # noqa: TID251 - it has no settings
_HEADERS = {"Content-Type": "application/json", "Accept-Encoding": "identity"}


class Relay:
    """Passes a request on and the answer back."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's event."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        assert self._session is not None
        async with self._session.post(
            f"{_UPSTREAM}{scope['path']}", data=body, headers=_HEADERS
        ) as answer:
            headers = [(b"content-type", answer.headers["Content-Type"].encode())]
            await send({"type": "http.response.start", "status": answer.status, "headers": headers})
            async for chunk in answer.content.iter_any():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                connector = aiohttp.TCPConnector(limit=0)
                self._session = aiohttp.ClientSession(connector=connector, auto_decompress=False)
                await send({"type": "lifespan.startup.complete"})
            else:
                assert self._session is not None
                await self._session.close()
                await send({"type": "lifespan.shutdown.complete"})
                return


app = Relay()
