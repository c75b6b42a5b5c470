"""The listening side of the played upstream: queue, record, serve."""

import asyncio
from collections import deque
from typing import Final, Self

from devkit.ports import LOOPBACK
from devkit.upstream.http import Exchange, Play, Seen, read_request
from devkit.upstream.kept import kept
from devkit.upstream.plays import PLAYS, answer, chat
from devkit.upstream.realtime import realtime

_LOOK_S: Final = 0.02


class Upstream:
    """A provider on loopback. ``async with``, or ``start`` and ``close``.

    A POST is played by the next play in the queue, else by the play that its model names, else by
    ``default``. Questions for its models are the node's own: answered honestly, kept apart. Paths
    where no model is asked are answered by :mod:`devkit.upstream.kept`.
    """

    def __init__(self, default: Play | None = None) -> None:
        self.default = default or chat()
        self.talk = realtime()
        self.exchanges: list[Exchange] = []
        """The paid traffic so far, in the order of arrival."""
        self.questions: list[Seen] = []
        """The GET requests so far."""
        self._queue: deque[Play] = deque()
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._port = 0

    @property
    def base_url(self) -> str:
        """What belongs in ``UPSTREAM_BASE_URL``; stays the same over close and start."""
        return f"http://{LOOPBACK}:{self._port}/v1"

    @property
    def requests(self) -> list[Seen]:
        """Every POST so far, as it arrived."""
        return [exchange.request for exchange in self.exchanges]

    def next(self, *plays: Play) -> None:
        """Queue what the next requests get, one play each."""
        self._queue.extend(plays)

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, LOOPBACK, self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening and cut every connection: from now on connecting is refused."""
        if self._server is None:
            return
        self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await self._serve(reader, writer)
        except asyncio.CancelledError:  # by close(); the stream's own callback would log it
            writer.transport.abort()
        finally:
            self._connections.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        keep_alive = True
        while keep_alive:
            try:
                request = await read_request(reader)
            except (asyncio.IncompleteReadError, ConnectionError):
                return
            exchange = Exchange(request, writer, reader)
            await _play(self._choose(exchange), exchange, reader)
            keep_alive = exchange.keep_alive and not exchange.client_left

    def _choose(self, exchange: Exchange) -> Play:
        asked = exchange.request
        if asked.method == "GET" and asked.path.partition("?")[0].endswith("/models"):
            self.questions.append(exchange.request)
            models = [{"id": name, "object": "model"} for name in PLAYS]
            return answer(200, {"object": "list", "data": models})
        self.exchanges.append(exchange)
        if self._queue:
            return self._queue.popleft()
        if asked.path.partition("?")[0].endswith("/realtime"):
            return self.talk
        if (found := kept(asked)) is not None:
            return answer(*found)
        return PLAYS.get(_model(exchange.request), self.default)


async def _play(play: Play, exchange: Exchange, reader: asyncio.StreamReader) -> None:
    """Play until it is over or the client has left, which a play that only waits cannot see."""
    playing = asyncio.ensure_future(play(exchange))
    try:
        while not playing.done():
            await asyncio.wait({playing}, timeout=_LOOK_S)
            if not playing.done() and reader.at_eof():
                exchange.client_left = True
                return
        await playing
    except ConnectionError:
        exchange.client_left = True
    finally:
        playing.cancel()


def _model(request: Seen) -> str:
    try:
        return str(request.json["model"]).rpartition("/")[2]
    except (ValueError, KeyError, TypeError):
        return ""
