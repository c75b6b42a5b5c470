"""HTTP/1.1 by hand: every byte of an answer is the play's own choice."""

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from email import message_from_bytes
from email.policy import HTTP
from http import HTTPStatus
from typing import Any, Final

_JSON: Final = "application/json"

_LINGER_OFF: Final = struct.pack("ii", 1, 0)  # close with a reset instead of a goodbye


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as it arrived; header names in the order and case of the wire."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """The first header of this name, in any case."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever the client sent
        """The body as plain data: JSON, or the fields of a form."""
        kind = self.header("content-type") or ""
        return _form(kind, self.body) if kind.startswith("multipart/") else json.loads(self.body)


class Exchange:
    """One request and the means to answer it, well or badly."""

    def __init__(
        self, request: Seen, writer: asyncio.StreamWriter, reader: asyncio.StreamReader
    ) -> None:
        self.request = request
        self.reader = reader
        self.client_left = False
        """Whether the client closed the connection before the answer was out."""
        self.keep_alive = (request.header("connection") or "").lower() != "close"
        self._writer = writer

    async def send(self, data: bytes) -> None:
        """Write raw bytes and wait until the system took them."""
        self._writer.write(data)
        await self._writer.drain()

    async def head(self, status: int, headers: Mapping[str, str]) -> None:
        """Write the status line and exactly these headers."""
        await self.send(_head(status, headers))

    async def answer(
        self, status: int, body: bytes, headers: Mapping[str, str] | None = None
    ) -> None:
        """A whole, well-formed answer in one write; JSON unless ``headers`` say otherwise."""
        fields = {"Content-Type": _JSON, "Content-Length": str(len(body)), **(headers or {})}
        await self.send(_head(status, fields) + (b"" if self.request.method == "HEAD" else body))

    async def chunks(self, blobs: Iterable[bytes], *, last: bool = True) -> None:
        """Each blob as one chunk of a chunked body; ``last`` ends the body."""
        for blob in blobs:
            await self.send(b"%x\r\n%s\r\n" % (len(blob), blob))
            await asyncio.sleep(0)  # a fast reader must not keep the loop to itself
        if last:
            await self.send(b"0\r\n\r\n")

    def reset(self) -> None:
        """Tear the connection down: the client sees a connection reset."""
        self.keep_alive = False
        sock: socket.socket = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_OFF)
        self._writer.transport.abort()

    def hang_up(self) -> None:
        """Close in good order, whatever was promised."""
        self.keep_alive = False


def _form(kind: str, body: bytes) -> dict[str, Any]:
    """Texts and booleans; files as bytes. What comes twice is a list."""
    head = f"Content-Type: {kind}\r\n\r\n".encode()
    fields: dict[str, Any] = {}
    for part in message_from_bytes(head + body, policy=HTTP).iter_parts():
        name = str(part.get_param("name", header="content-disposition"))
        data = part.get_payload(decode=True)
        assert isinstance(data, bytes), "a part is no message"
        plain: Any = data if part.get_filename() else data.decode()
        value = {"true": True, "false": False}.get(plain, plain) if plain is not data else data
        fields[name] = [fields[name], value] if name in fields else value
    return fields


Play = Callable[[Exchange], Awaitable[None]]
"""What an upstream does with one request."""


async def read_request(reader: asyncio.StreamReader) -> Seen:
    """The next request of a connection; IncompleteReadError when there is none."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip("\r\n").split("\r\n")
    method, path, _ = first.split(" ", 2)
    pairs = (line.partition(":") for line in lines)
    seen = Seen(method, path, tuple((name, value.strip()) for name, _, value in pairs), b"")
    return Seen(method, path, seen.headers, await _read_body(seen, reader))


async def _read_body(seen: Seen, reader: asyncio.StreamReader) -> bytes:
    if (seen.header("transfer-encoding") or "").lower() == "chunked":
        body = b""
        while size := int(await reader.readline(), base=16):
            body += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
        return body
    return await reader.readexactly(int(seen.header("content-length") or 0))


def _head(status: int, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
