"""Hours of mixed load: ``make soak MINUTES=30``, or ``python -m bench.soak --minutes 30``.

Paid JSON requests, paced streams of which some are cut, single payments by token, requests without
payment and the list of models go on at once, slice after slice. Afterwards memory must not have
grown, nothing may be reserved, and the books must balance: else the exit status is 1. Writes
``docs/soak.md``; a run of less than ten minutes is told, not written.
"""

import argparse
import asyncio
import sqlite3
import sys
import tempfile
import time
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import linear_regression, median
from typing import Final

import msgspec
from msgspec import Struct

from bench import load, machine
from bench.ecash import EcashLoad, WrongChange
from bench.load import LoadFailed
from bench.money import Purse, Till, Verdict, fill
from bench.report import placed
from bench.scenarios import JSON, LISTING, PACED, UNPAID
from bench.targets import NODE, Target, node_target, start_node, start_upstream
from bench.tooling import NoCompiler, Tools
from bench.usage import cpu_seconds, resident_mb
from devkit.environment import ROOT
from devkit.mint import Mint
from devkit.node import Node
from routstr.errors import RoutstrError
from routstr.wallet.mint_errors import MintError

DOCUMENT: Final = ROOT / "docs" / "soak.md"
KEPT: Final = ROOT / "build" / "bench" / "soak.json"
SLICE_S: Final = 10.0
WARM_SHARE: Final = 1 / 3
"""The first part of a run fills caches and pools: memory is compared after it."""
GROWTH_MB_MAX: Final = 2.0
WRITTEN_MINUTES_MIN: Final = 10.0
_CONNECTIONS: Final = 8
_STREAMS: Final = 30
_TOKENS: Final = 16


class Sample(Struct, frozen=True):
    """The node at one moment, seconds after the beginning."""

    at_s: float
    resident_mb: float
    cpu_s: float
    requests: int
    """Paid ones, with a hold of their own, since the beginning."""
    open_holds: int
    files_mb: float


class Soaked(Struct, frozen=True):
    """A whole run."""

    circumstances: Mapping[str, str]
    samples: Sequence[Sample]
    verdict: Verdict
    left_open: int
    troubles: Sequence[str]

    @property
    def growth_mb(self) -> float:
        """How much more is resident in the last fifth than in the first after the warming up."""
        kept = warm(self.samples)
        part = max(1, len(kept) // 5)
        first, last = kept[:part], kept[-part:]
        return median(one.resident_mb for one in last) - median(one.resident_mb for one in first)

    @property
    def slope_mb_per_hour(self) -> float:
        """How memory grows by the line through all samples after the warming up."""
        kept = warm(self.samples)
        if len(kept) < 2:
            return 0.0
        times = [one.at_s / 3_600 for one in kept]
        return linear_regression(times, [one.resident_mb for one in kept]).slope

    @property
    def faults(self) -> list[str]:
        """What must not be."""
        found = list(self.troubles)
        if self.growth_mb > GROWTH_MB_MAX:
            found.append(f"memory has grown by {self.growth_mb:.1f} MB")
        if self.left_open:
            found.append(f"{self.left_open} holds are open")
        return found + ([self.verdict.trouble] if self.verdict.trouble else [])


def warm(samples: Sequence[Sample]) -> Sequence[Sample]:
    """The samples after the warming up."""
    return samples[int(len(samples) * WARM_SHARE) :] if len(samples) > 2 else samples


@dataclass(slots=True)
class Soak:
    """What runs."""

    tools: Tools
    node: Node
    purse: Purse
    mint: Mint
    till: Till
    troubles: list[str]

    @property
    def target(self) -> Target:
        return node_target(self.node)

    async def slice(self, seconds: float) -> None:
        """All kinds of load at once; what fails is a trouble, and the others go on."""
        whole, cut = self.target.paying(self.purse.whole), self.target.paying(self.purse.cut)
        await asyncio.gather(
            self._tried(self._json(whole, seconds)),
            self._tried(asyncio.to_thread(
                load.streams, self.tools.sse, cut, PACED.call, _STREAMS, seconds
            )),
            self._tried(self._ecash()),
            self._tried(asyncio.to_thread(
                load.http, self.tools.http, self.target, UNPAID.call, 1, seconds
            )),
            self._tried(asyncio.to_thread(
                load.http, self.tools.http, self.target, LISTING.call, 1, seconds
            )),
        )  # fmt: skip

    async def _ecash(self) -> None:
        # connections that waited since the last slice may be closed while they are used
        async with EcashLoad(self.mint, self.node) as client:
            await client.spend(_TOKENS)

    async def _json(self, target: Target, seconds: float) -> None:
        try:
            done = await asyncio.to_thread(
                load.http, self.tools.http, target, JSON[1].call, _CONNECTIONS, seconds
            )
        except LoadFailed as failure:
            self.till.add(NODE, failure.summed)
            raise
        self.till.add(NODE, done.summed)

    async def _tried(self, work: Awaitable[object]) -> None:
        try:
            await work
        except* (LoadFailed, MintError, OSError, RoutstrError, WrongChange) as failures:
            for one in failures.exceptions:
                self.troubles.append(repr(one)[:300])
                print(f"  {self.troubles[-1]}", flush=True)

    def sample(self, began: float) -> Sample:
        """Look at the node."""
        pids = self.target.pids
        placed_holds, still_open = self.holds()
        return Sample(
            time.monotonic() - began,
            resident_mb(pids),
            cpu_seconds(pids),
            placed_holds,
            still_open,
            sum(file.stat().st_size for file in self.node.folder.glob("routstr.db*")) / 1e6,
        )

    def holds(self) -> tuple[int, int]:
        """How many holds were placed, and how many of them are open."""
        with sqlite3.connect(f"file:{self.node.folder / 'routstr.db'}?mode=ro", uri=True) as raw:
            [row] = raw.execute(
                "SELECT coalesce(max(id), 0), (SELECT count(*) FROM holds WHERE state = 0)"
                " FROM holds"
            ).fetchall()
        return int(row[0]), int(row[1])


async def run(minutes: float) -> Soaked:
    """Start a node, load it, look at it; nothing stays behind."""
    circumstances = machine.describe()
    with tempfile.TemporaryDirectory(prefix="routstr-soak-") as name:
        async with AsyncExitStack() as stack:
            soak = await _set(Path(name), stack)
            began, samples = time.monotonic(), list[Sample]()
            while time.monotonic() - began < minutes * 60:
                await soak.slice(min(SLICE_S, max(1.0, minutes * 60 / 6)))
                samples.append(soak.sample(began))
                print(_line(samples[-1]), flush=True)
            verdict = await soak.till.check(NODE, soak.purse)
            return Soaked(circumstances, samples, verdict, soak.holds()[1], soak.troubles)


async def _set(folder: Path, stack: AsyncExitStack) -> Soak:
    tools = Tools.build(folder / "tools")
    provider, upstream = await start_upstream(tools.upstream, folder / "upstream")
    stack.push_async_callback(provider.stop)
    mint = await Mint.start(folder / "mint")
    stack.push_async_callback(mint.stop)
    node = await start_node(folder / "node", upstream, mint)
    stack.push_async_callback(node.stop)
    purse = await fill(node, mint)
    return Soak(tools, node, purse, mint, Till(), [])


def _line(one: Sample) -> str:
    return (
        f"{one.at_s:6.0f} s  {one.resident_mb:6.1f} MB  {one.requests:9,} paid"
        f"  {one.open_holds:4} open  {one.files_mb:7.1f} MB of files"
    )


def render(soaked: Soaked) -> str:
    """The run as Markdown: a dozen of its moments, and what has to hold."""
    told = [f"- {name}: {value}" for name, value in soaked.circumstances.items()]
    step = max(1, len(soaked.samples) // 12)
    rows = [
        f"| {one.at_s / 60:.1f} | {one.resident_mb:.1f} | {one.requests:,} | {one.open_holds} "
        f"| {one.cpu_s:.0f} | {one.files_mb:.1f} |"
        for one in [*soaked.samples[::step], soaked.samples[-1]]
    ]
    after = (
        f"After the warming up memory grew by {soaked.growth_mb:.1f} MB (allowed: "
        f"{GROWTH_MB_MAX:.0f}), {soaked.slope_mb_per_hour:.1f} MB an hour by the line through "
        f"all moments. Holds that stayed open: {soaked.left_open}. Money: "
        f"{soaked.verdict.trouble or 'exact'}, {soaked.verdict.paid_msat:,} msat paid by keys. "
        f"Troubles: {len(soaked.troubles)}."
    )
    return "\n".join(
        [
            *told,
            "",
            "| minute | resident, MB | paid requests | open holds | processor, s | files, MB |",
            "|---:|---:|---:|---:|---:|---:|",
            *rows,
            "",
            after,
        ]
    )


def main() -> int:
    """Exit status: 1 when something has to be looked into."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    minutes: float = parser.parse_args().minutes
    try:
        soaked = asyncio.run(run(minutes))
    except NoCompiler as missing:
        print(missing, file=sys.stderr)
        return 2
    KEPT.parent.mkdir(parents=True, exist_ok=True)
    KEPT.write_bytes(msgspec.json.encode(soaked))
    print("\n" + render(soaked))
    if minutes >= WRITTEN_MINUTES_MIN:
        text = DOCUMENT.read_text(encoding="utf-8")
        DOCUMENT.write_text(placed(text, render(soaked)), encoding="utf-8")
    for fault in soaked.faults:
        print(f"FAULT: {fault}")
    return int(bool(soaked.faults))


if __name__ == "__main__":
    sys.exit(main())
