"""What a paid request costs as things grow: ``make bench-growth``, or ``python -m bench.growth``.

Keys, stored transfers, models, streams, bodies, processes: one of them grows at a time. The cost is
the processor time of the node, the least of a few short rounds, so that other work on the machine
changes it little. Nothing may grow faster than the logarithm of what is stored.

``docs/growth.md`` is written by a whole run. ``--small`` takes a minute and is told only.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from math import log2
from pathlib import Path
from typing import Final

import aiohttp

from bench import books, load, machine, scenarios
from bench.figures import CPU, P50
from bench.growth_report import Axis, Step, into, render
from bench.scenarios import JSON
from bench.targets import MODEL, NODE, Target, start_upstream
from bench.tooling import Tools
from bench.usage import cpu_seconds
from devkit.environment import ROOT, forget_surroundings
from devkit.node import Node
from devkit.node import settings as node_settings
from devkit.ports import LOOPBACK
from devkit.prices import NO_FEES, write_models

DOCUMENT: Final = ROOT / "docs" / "growth.md"
KEY: Final = "sk-" + "ab" * 32
"""The key of ``books.KEY``."""
EACH: Final = 500
"""Transfers of a key where these grow; more would use its deposit up."""
_CHEAP: Final = {"prompt": "0.0000001", "completion": "0.0000004"}
_CONNECTIONS: Final = 16
_BODY_BYTES_MAX: Final = 32 * 1024**2
_CONTEXT: Final = 100_000_000
_QUIET_LIMIT_S: Final = 900.0


@dataclass(frozen=True, slots=True)
class Sizes:
    """How far each thing grows."""

    rounds: int = 5
    seconds: float = 2
    keys: Sequence[int] = (10, 10_000, 1_000_000)
    transfers: Sequence[int] = (1_000, 100_000, 10_000_000)
    models: Sequence[int] = (10, 5_000)
    streams: Sequence[int] = (1, 100, 1_000)
    body_bytes: Sequence[int] = (1_000, 1_000_000, 20_000_000)
    workers: Sequence[int] = (1, 2)


SMALL: Final = Sizes(3, 0.5, (10, 1_000), (1_000, 50_000), (10, 1_000), (1, 50), (1_000, 1_000_000))


class Bench:
    """Starts nodes on made-up books, and asks them."""

    def __init__(self, sizes: Sizes, folder: Path) -> None:
        self._sizes = sizes
        self._folder = folder
        self._tools = Tools.build(folder / "tools")
        self._made = 0

    async def stored(self, keys: int, transfers: int, models: int = 10) -> Step:
        """The cost on books of this size."""
        async with AsyncExitStack() as stack:
            [node] = await self._start(stack, keys, transfers, models)
            return self._paid([node])

    async def workers(self, count: int) -> Step:
        """Processes that share one database, each asked by as many connections."""
        async with AsyncExitStack() as stack:
            nodes = await self._start(stack, 1_000, 10_000, 10, count)
            return self._paid(nodes)

    async def streamed(self, count: int) -> Step:
        """An event of so many streams, each with one every 100 ms."""
        async with AsyncExitStack() as stack:
            [node] = await self._start(stack, 1_000, 10_000, 10)
            scenario = scenarios.CROWD
            target = _target(node)
            seconds = max(self._sizes.seconds, 2.0)
            found = [
                load.streams(self._tools.sse, target, scenario.call, count, seconds)
                for _ in range(self._sizes.rounds)
            ]
        return Step(min(one[CPU] for one in found), min(one[P50] for one in found))

    async def body(self, size: int) -> Step:
        """A request with a prompt of so many bytes."""
        async with AsyncExitStack() as stack:
            [node] = await self._start(stack, 1_000, 10_000, 10)
            headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
            session = await stack.enter_async_context(aiohttp.ClientSession(headers=headers))
            words = "the quick brown fox jumps over the lazy dog " * (size // 44 + 1)
            messages = [{"role": "user", "content": words[:size]}]
            body = json.dumps({"model": MODEL, "max_tokens": 100, "messages": messages}).encode()
            count = max(3, min(200, 20_000_000 // size))
            costs, times = [], []
            for _ in range(self._sizes.rounds):
                before = cpu_seconds([node.pid])
                for _ in range(count):
                    began = time.perf_counter()
                    await _ask(session, node, body)
                    times.append(time.perf_counter() - began)
                costs.append((cpu_seconds([node.pid]) - before) / count * 1e6)
        return Step(min(costs), min(times) * 1_000)

    async def _start(
        self, stack: AsyncExitStack, keys: int, transfers: int, models: int, count: int = 1
    ) -> list[Node]:
        """Nodes on one new database, once they have added everything up."""
        self._made += 1
        folder = self._folder / f"books-{self._made}"
        folder.mkdir()
        books.fill(folder / "routstr.db", keys, transfers)
        ids = [MODEL, *(f"vendor/model-{number}" for number in range(1, models))]
        file = write_models(
            folder / "models.json", ids, pricing=_CHEAP, context=_CONTEXT, completion=1_024
        )
        provider, port = await start_upstream(self._tools.upstream, folder / "upstream")
        stack.push_async_callback(provider.stop)
        upstream = f"http://{LOOPBACK}:{port}/v1"
        settings = {
            **node_settings(mints=[books.MINT], upstream=upstream, models=file),
            **NO_FEES,
            "DATABASE_URL": f"sqlite:///{folder / 'routstr.db'}",
            "ROUTSTR_SECRET_KEY": books.NODE_KEY,
            "REQUEST_BODY_BYTES_MAX": str(_BODY_BYTES_MAX),
            "ENABLE_CONSOLE_LOGGING": "false",
        }
        nodes = []
        for number in range(count):
            node = await Node.start(folder / f"node-{number}", settings, healthy=False)
            stack.push_async_callback(node.stop)
            nodes.append(node)
        await _quiet([node.pid for node in nodes])
        return nodes

    def _paid(self, nodes: Sequence[Node]) -> Step:
        """The least cost of a JSON answer; nodes are asked at the same time."""
        costs, times = [], []
        for _ in range(self._sizes.rounds):
            with ThreadPoolExecutor(len(nodes)) as threads:
                each = [*threads.map(self._load, nodes)]
            costs.append(sum(one[CPU] for one in each) / len(each))
            times.append(sum(one[P50] for one in each) / len(each))
        return Step(min(costs), min(times))

    def _load(self, node: Node) -> Mapping[str, float]:
        seconds = self._sizes.seconds
        tool = self._tools.http
        return load.http(tool, _target(node), JSON[1].call, _CONNECTIONS, seconds).figures


def _target(node: Node) -> Target:
    return Target(NODE, node.port, (node.pid,)).paying(KEY)


async def _ask(session: aiohttp.ClientSession, node: Node, body: bytes) -> None:
    async with session.post(f"{node.base_url}/chat/completions", data=body) as answer:
        text = await answer.text()
        if answer.status != 200:
            raise RuntimeError(f"{answer.status}: {text[:300]}")


async def _quiet(pids: Sequence[int]) -> None:
    """Wait until what a node does at its start, verifying its books, is over."""
    limit = time.monotonic() + _QUIET_LIMIT_S
    used = cpu_seconds(pids)
    while time.monotonic() < limit:
        await asyncio.sleep(2)
        before, used = used, cpu_seconds(pids)
        if used - before <= 0.1 * len(pids):
            return


def logarithmic(steps: Sequence[tuple[int, Step]]) -> bool:
    """Whether the cost grew no faster than the logarithm of what is stored, with 15 % of noise."""
    (least, first), (most, last) = steps[0], steps[-1]
    return last.cpu_us <= 1.15 * first.cpu_us * log2(most) / log2(max(least, 2))


def linear(steps: Sequence[tuple[int, Step]]) -> bool:
    """Whether the cost of each grew no more than the number itself, with 15 % of noise."""
    (least, first), (most, last) = steps[0], steps[-1]
    return last.cpu_us <= 1.15 * first.cpu_us * most / least


async def run(sizes: Sizes) -> list[Axis]:
    """Measure all of it."""
    with tempfile.TemporaryDirectory(prefix="routstr-growth-") as name:
        bench = Bench(sizes, Path(name))

        async def axis(
            title: str, unit: str, points: Sequence[int], measure: Callable[[int], Awaitable[Step]],
            bound: Callable[[Sequence[tuple[int, Step]]], bool] = logarithmic,
        ) -> Axis:  # fmt: skip
            steps = []
            for point in points:
                steps.append((point, await measure(point)))
                print(f"{title}: {point:,} {steps[-1][1]}", flush=True)
            return Axis(title, unit, steps, bound.__name__, bound(steps))

        return [
            await axis("Keys, two transfers each", "request", sizes.keys,
                       lambda n: bench.stored(n, 2 * n)),
            await axis(f"Stored transfers, {EACH} of each key", "request", sizes.transfers,
                       lambda n: bench.stored(max(10, n // EACH), n)),
            await axis("Models", "request", sizes.models,
                       lambda n: bench.stored(1_000, 10_000, n)),
            await axis("Streams at once, each an event every 100 ms", "event", sizes.streams,
                       bench.streamed),
            await axis("Bytes of a prompt", "request", sizes.body_bytes, bench.body, linear),
            await axis("Processes on one database", "request", sizes.workers, bench.workers),
        ]  # fmt: skip


def main() -> int:
    """Exit status 1: something grows faster than it may."""
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description=__doc__)
    parser.add_argument("--small", action="store_true", help="a minute; told, not written")
    small = parser.parse_args().small
    forget_surroundings()
    axes = asyncio.run(run(SMALL if small else Sizes()))
    if small:
        print(render(machine.describe(), axes))
    else:
        into(DOCUMENT, machine.describe(), axes)
    return 0 if all(axis.holds for axis in axes) else 1


if __name__ == "__main__":
    sys.exit(main())
