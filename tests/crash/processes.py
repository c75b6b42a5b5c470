"""Nodes and commands of nodes as the matrix starts them: forked by a nursery."""

import asyncio
import itertools
import json
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NamedTuple, Self

from devkit.environment import clean_environment, name_nurseries, python, python_path
from devkit.nursery import Order
from devkit.nursing import WARM_NODE, Nurse
from devkit.ports import LOOPBACK, reserved_port
from devkit.processes import ServiceFailed

START_LIMIT_S: Final = 60.0
STOP_LIMIT_S: Final = 20.0
_POLL_S: Final = 0.02


class Finished(NamedTuple):
    """How a command ended, and what it printed."""

    status: int
    output: str


class Process:
    """A forked process; its exit status arrives by itself."""

    def __init__(
        self, pid: int, log: Path, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.pid = pid
        self.log = log
        self._ended = asyncio.create_task(self._end(reader, writer))

    @property
    def running(self) -> bool:
        return not self._ended.done()

    def kill(self) -> None:
        """SIGKILL, unless it has ended."""
        if self.running:
            os.kill(self.pid, signal.SIGKILL)

    async def end(self, *, limit_s: float = STOP_LIMIT_S) -> int:
        """Wait until it has ended; returns the exit status (negative: the signal)."""
        return await asyncio.wait_for(asyncio.shield(self._ended), limit_s)

    async def _end(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
        try:
            return int(json.loads(await reader.readline())["status"])
        finally:
            writer.close()


class RunningNode:
    """A node that listens."""

    def __init__(self, process: Process, port: int) -> None:
        self.process = process
        self.url = f"http://{LOOPBACK}:{port}"

    async def stop(self) -> int:
        """SIGTERM, and wait."""
        if self.process.running:
            os.kill(self.process.pid, signal.SIGTERM)
        return await self.process.end()


class Nodes:
    """Starts nodes and their commands. ``async with``."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    async def __aenter__(self) -> Self:
        self._nurse = await Nurse.of_nodes_and_mints()
        name_nurseries(self._nurse.folder)
        killing = "tests.crash.killing"
        self._socket = await self._nurse.start("armed", python(), WARM_NODE, killing)
        return self

    async def __aexit__(self, *_: object) -> None:
        name_nurseries(None)
        self._nurse.stop()

    async def start(
        self,
        folder: Path,
        settings: Mapping[str, str],
        *,
        armed: bool = False,
        born: Callable[["RunningNode"], None] = lambda _: None,
        doomed: bool = False,
    ) -> RunningNode:
        """Start a node and wait until it listens; ``doomed``: or until it has died before.

        ``born`` is told of it when it exists, which is before it listens.
        """
        with reserved_port() as port:
            address = ["--host", LOOPBACK, "--port", str(port)]
            program = ("tests.crash.node", *address) if armed else ("routstr", "serve", *address)
            process = await self._fork(folder, settings, *program)
            node = RunningNode(process, port)
            born(node)
            await _listening(process, port, doomed=doomed)
        return node

    async def command(self, folder: Path, settings: Mapping[str, str], *arguments: str) -> Finished:
        """Run ``routstr ARGUMENTS`` beside the node of this folder."""
        process = await self._fork(folder, settings, "routstr", *arguments)
        status = await process.end(limit_s=START_LIMIT_S)
        return Finished(status, process.log.read_text())

    async def _fork(
        self, folder: Path, settings: Mapping[str, str], module: str, *arguments: str
    ) -> Process:
        log = folder / f"process-{next(self._numbers)}.log"
        environment = clean_environment(folder, {**python_path(), **settings})
        order = Order(module, list(arguments), environment, str(folder), str(log))
        reader, writer = await asyncio.open_unix_connection(str(self._socket))
        writer.write(order.line())
        pid = json.loads(await reader.readline())["pid"]
        return Process(pid, log, reader, writer)


async def _listening(process: Process, port: int, *, doomed: bool) -> None:
    try:
        async with asyncio.timeout(START_LIMIT_S):
            while not await _accepts(port):
                if not process.running:
                    if doomed:
                        return
                    raise ServiceFailed("node", "ended at its start", tail=_tail(process.log))
                await asyncio.sleep(_POLL_S)
    except TimeoutError:
        process.kill()
        raise ServiceFailed("node", "did not start", tail=_tail(process.log)) from None


async def _accepts(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(LOOPBACK, port)
    except ConnectionError:
        return False
    writer.close()
    return True


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-15:])
