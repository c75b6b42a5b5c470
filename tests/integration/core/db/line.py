"""A line to PostgreSQL that can be cut in the middle of a COMMIT, before or after it arrived.

It passes on what is said on a server's Unix socket, and reads along as much of the protocol (3.0)
as it takes to know a prepared COMMIT. It has a thread of its own: whoever connects may wait.
"""

import asyncio
import threading
from pathlib import Path
from typing import Final, Literal, Self
from urllib.parse import quote

Cut = Literal["before", "after"]
_SOCKET: Final = ".s.PGSQL.5432"
_HEAD: Final = 5  # a message's letter and length
_READY: Final = b"Z"


class Line:
    """``with Line(server's folder, own folder)``; :meth:`url` leads through it."""

    def __init__(self, server: Path, folder: Path) -> None:
        self._server: Final = server / _SOCKET
        self._folder: Final = folder
        self._tasks: Final[set[asyncio.Task[None]]] = set()
        self.cut: Cut | None = None
        """Cuts the next connection that commits: ``before`` the server hears of it, or ``after``
        it has answered, of which the client hears nothing."""
        self.cuts = 0

    def url(self, direct: str) -> str:
        """The URL of the same database, through this line."""
        return f"{direct.partition('?')[0]}?host={quote(str(self._folder))}"

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _open(self) -> None:
        path = str(self._folder / _SOCKET)
        self._listener = await asyncio.start_unix_server(self._connected, path)

    async def _close(self) -> None:
        self._listener.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        far, forth = await asyncio.open_unix_connection(str(self._server))
        call = _Call(self, near, back, far, forth)
        for direction in (call.ask, call.answer):
            task = asyncio.create_task(direction())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)


class _Call:
    """One connection."""

    def __init__(
        self,
        line: Line,
        near: asyncio.StreamReader,
        back: asyncio.StreamWriter,
        far: asyncio.StreamReader,
        forth: asyncio.StreamWriter,
    ) -> None:
        self._line, self._near, self._back, self._far, self._forth = line, near, back, far, forth
        self._commit = b"\0"
        self._swallows = False

    async def ask(self) -> None:
        """From the client to the server."""
        try:
            size = await self._near.readexactly(4)  # the first message has no letter
            self._forth.write(size + await self._near.readexactly(int.from_bytes(size) - 4))
            while True:
                message = await _message(self._near)
                if self._commits(message) and self._line.cut is not None:
                    cut, self._line.cut = self._line.cut, None
                    self._line.cuts += 1
                    if cut == "before":
                        break
                    self._swallows = True
                self._forth.write(message)
        except (EOFError, ConnectionError):
            pass
        finally:
            if not self._swallows:
                self._end()

    async def answer(self) -> None:
        """From the server to the client."""
        try:
            while True:
                message = await _message(self._far)
                if not self._swallows:
                    self._back.write(message)
                elif message[:1] == _READY:
                    break  # it is done, and nobody was told
        except (EOFError, ConnectionError):
            pass
        finally:
            self._end()

    def _end(self) -> None:
        for writer in (self._back, self._forth):
            writer.transport.abort()

    def _commits(self, message: bytes) -> bool:
        """Whether a message carries out COMMIT; one that prepares it is remembered."""
        kind, body = message[:1], message[_HEAD:]
        if kind == b"P" and body.split(b"\0")[1] == b"COMMIT":
            self._commit = body.split(b"\0")[0]
        return kind == b"B" and body.split(b"\0")[1] == self._commit


async def _message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(_HEAD)
    return head + await reader.readexactly(int.from_bytes(head[1:]) - 4)
