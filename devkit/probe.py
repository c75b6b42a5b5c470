"""The smallest HTTP question: does a service on loopback answer, and what?"""

import asyncio
from typing import Final, NamedTuple

from devkit.ports import LOOPBACK

_LARGEST_ANSWER: Final = 65_536


class Answer(NamedTuple):
    """Status and (start of the) body of an answer."""

    status: int
    body: str


async def get(port: int, path: str, *, limit_s: float = 5.0) -> Answer | None:
    """Ask ``GET path`` on loopback; None when nobody answers in HTTP within the limit."""
    try:
        async with asyncio.timeout(limit_s):
            return await _get(port, path)
    except (OSError, TimeoutError, ValueError):
        return None


async def _get(port: int, path: str) -> Answer:
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    try:
        # HTTP/1.0: the answer ends with the connection and is never chunked
        writer.write(f"GET {path} HTTP/1.0\r\nHost: {LOOPBACK}:{port}\r\n\r\n".encode())
        await writer.drain()
        raw = b""
        while len(raw) < _LARGEST_ANSWER and (piece := await reader.read(_LARGEST_ANSWER)):
            raw += piece
    finally:
        writer.close()
    head, _, body = raw.partition(b"\r\n\r\n")
    _, status, *_ = head.split(b" ", 2)
    return Answer(int(status), body.decode(errors="replace"))
