"""From the start of the process to its first answer, on the books that the run has left."""

import asyncio
import time
from typing import Final

from bench.figures import Results
from bench.load import Call
from bench.scenarios import JSON
from bench.targets import NODE
from devkit.environment import python, python_path
from devkit.node import Node
from devkit.ports import LOOPBACK, free_port
from devkit.processes import Child, Program

SCENARIO: Final = "cold-start"
FIRST: Final = "first_s"
FIRST_PAID: Final = "first_paid_s"
_LIMIT_S: Final = 30.0
_POLL_S: Final = 0.005
_OK: Final = b" 200 "


async def measure(node: Node, key: str, rounds: int, results: Results) -> None:
    """Start the node again and again; it is stopped before and after."""
    await node.stop()
    for _ in range(rounds):
        port = free_port()
        command = [python(), "-m", "routstr", "serve", "--host", LOOPBACK, "--port", str(port)]
        settings = {**python_path(), **node.settings}
        began = time.perf_counter()
        child = Child(Program("started node", command, node.folder, settings))
        try:
            await _answered(child, port, _request(Call(method="GET", path="/v1/models"), ""))
            first = time.perf_counter() - began
            await _answered(child, port, _request(JSON[0].call, key))
            paid = time.perf_counter() - began
        finally:
            await child.stop()
        results.add(SCENARIO, NODE, {FIRST: first, FIRST_PAID: paid})


def _request(call: Call, key: str) -> bytes:
    lines = [
        f"{call.method} {call.path} HTTP/1.1", f"Host: {LOOPBACK}", f"Authorization: Bearer {key}",
        "Connection: close", "Content-Type: application/json", f"Content-Length: {len(call.body)}",
    ]  # fmt: skip
    if not key:
        del lines[2]
    return "\r\n".join([*lines, "", call.body]).encode()


async def _answered(child: Child, port: int, request: bytes) -> None:
    """Ask until the answer is the right one."""
    async with asyncio.timeout(_LIMIT_S):
        while not await _asked(port, request):
            if not child.running:
                raise child.failed("ended while starting")
            await asyncio.sleep(_POLL_S)


async def _asked(port: int, request: bytes) -> bool:
    try:
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
    except OSError:
        return False
    try:
        writer.write(request)
        return _OK in await reader.readline()
    except OSError:
        return False
    finally:
        writer.close()
