"""The node's own public entrance, called inside the process: what a client does, without a socket.

So the first paid request goes every step that a stranger's goes, whatever address the node has.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct
from starlette.types import ASGIApp, Message

_BODY_BYTES_MAX: Final = 8 * 1024**2


class Reply(Struct, frozen=True):
    """An answer of the node. ``data`` is its JSON, an object or nothing."""

    status: int
    data: Mapping[str, Any]

    @property
    def problem(self) -> str:
        """The message of an error; empty when it is none."""
        error = self.data.get("error")
        return str(error.get("message", "")) if isinstance(error, dict) else ""


class OwnDoor:
    """Calls ``app`` as a client at ``address``."""

    def __init__(self, app: ASGIApp) -> None:
        self._app: Final = app

    async def call(
        self, method: str, path: str, *, key: str = "", json: object = None, address: str = ""
    ) -> Reply:
        """One call; ``json`` is its body, ``key`` what stands behind Bearer."""
        body = b"" if json is None else msgspec.json.encode(json)
        parts: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
        status, answer = 0, bytearray()

        async def receive() -> Message:
            if parts:
                return parts.pop()
            await asyncio.Event().wait()  # this client stays until it has its answer
            raise AssertionError

        async def send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
            elif len(answer) <= _BODY_BYTES_MAX:
                answer.extend(message.get("body", b""))

        await self._app(_scope(method, path, key, body, address), receive, send)
        try:
            data = msgspec.json.decode(answer)
        except msgspec.DecodeError:
            data = None
        return Reply(status, data if isinstance(data, dict) else {})


def _scope(method: str, path: str, key: str, body: bytes, address: str) -> dict[str, Any]:
    headers = {
        "host": "node",
        "content-type": "application/json",
        "content-length": str(len(body)),
        "user-agent": "routstr-setup",
    }
    if key:
        headers["authorization"] = f"Bearer {key}"
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": (address or "127.0.0.1", 0),
        "server": ("node", 0),
    }
