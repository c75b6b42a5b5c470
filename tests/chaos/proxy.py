"""A TCP proxy between a node and what it needs, which can be told to misbehave."""

import asyncio
from contextlib import suppress
from enum import StrEnum
from typing import Final, Self

from devkit.ports import LOOPBACK

_BLOCK: Final = 65_536
_SLOW_S: Final = 0.15
_LOOK_S: Final = 0.05


class Mode(StrEnum):
    """What becomes of connections."""

    HONEST = "honest"
    REFUSE = "refuse"  # whoever comes is turned away, whoever is there is cut off
    BLACKHOLE = "blackhole"  # nothing goes through in either direction
    SLOW = "slow"
    RESET = "reset"  # once: all that are there are cut off


class Proxy:
    """Passes on to a port of this machine, or to a Unix socket. ``async with``."""

    def __init__(self, target: int | str) -> None:
        self._target: Final = target
        self._mode = Mode.HONEST
        self._tasks: Final[set[asyncio.Task[None]]] = set()
        self.port = 0

    def turn(self, mode: Mode) -> None:
        """From now on do this."""
        self._mode = Mode.HONEST if mode is Mode.RESET else mode
        if mode in {Mode.REFUSE, Mode.RESET}:
            for task in self._tasks:
                task.cancel()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, LOOPBACK, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        ends = [writer]
        try:
            if self._mode is not Mode.REFUSE:
                answers, onwards = await self._open()
                ends.append(onwards)
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._pass(reader, onwards))
                    group.create_task(self._pass(answers, writer))
        except* (OSError, asyncio.CancelledError):
            pass  # cut off: by us or by an end
        finally:
            self._tasks.discard(task)
            for end in ends:
                end.transport.abort()

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._target, str):
            return await asyncio.open_unix_connection(self._target)
        return await asyncio.open_connection(LOOPBACK, self._target)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_BLOCK):
            while self._mode is Mode.BLACKHOLE:  # noqa: ASYNC110 - others turn it
                await asyncio.sleep(_LOOK_S)
            if self._mode is Mode.SLOW:
                await asyncio.sleep(_SLOW_S)
            writer.write(data)
            await writer.drain()
        with suppress(OSError):
            writer.write_eof()
