"""A whole run: starts everything, measures, checks the money, tells."""

import tempfile
import time
from collections.abc import Collection
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench import ecash, machine, peers, scenarios, starting
from bench.figures import Results
from bench.load import LoadFailed
from bench.money import Purse, Till, fill
from bench.peers import Missing
from bench.ratios import END_MB, MEMORY, MEMORY_MB, PAID
from bench.report import Run
from bench.scenarios import JSON, Loader, Rounds, Scenario
from bench.targets import (
    NODE,
    NODE_POSTGRES,
    NODES,
    RELAY,
    Target,
    node_target,
    start_node,
    start_relay,
    start_upstream,
)
from bench.tooling import Tools
from bench.usage import resident_mb
from devkit.mint import Mint
from devkit.node import Node
from devkit.postgres import Postgres

PARTS: Final = (*(one.name for one in scenarios.ALL), ecash.SCENARIO, MEMORY, starting.SCENARIO)
TARGETS: Final = (RELAY, *NODES, *(peer.name for peer in peers.ALL))
_TOP_UP_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run. ``requests`` are paid before memory is looked at."""

    rounds: Rounds
    parts: Collection[str] = PARTS
    targets: Collection[str] = TARGETS
    requests: int = 200_000

    @property
    def complete(self) -> bool:
        return set(self.parts) == set(PARTS) and set(self.targets) == set(TARGETS)


@dataclass(slots=True)
class Scene:
    """What runs, by name."""

    tools: Tools
    mint: Mint
    targets: dict[str, Target] = field(default_factory=dict)
    purses: dict[str, Purse] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    begun_mb: dict[str, float] = field(default_factory=dict)

    @property
    def node(self) -> Node:
        return self.purses[NODE].node


async def run(plan: Plan) -> Run:
    """Run it all; nothing stays behind."""
    circumstances = machine.describe()
    results, till = Results(), Till()
    with tempfile.TemporaryDirectory(prefix="routstr-bench-") as name:
        async with AsyncExitStack() as stack:
            scene = await _set(plan, Path(name), stack)
            keys = {one: purse.whole for one, purse in scene.purses.items()}
            cut = {one: purse.cut for one, purse in scene.purses.items()}
            loader = Loader(scene.tools, plan.rounds, keys, cut, till.add)
            for scenario in scenarios.JSON:
                _measure(scenario, plan, scene, loader, results)
            if MEMORY in plan.parts:
                _say("Memory")
                await _weigh(plan, scene, loader, results)
            for scenario in scenarios.OTHERS:
                _measure(scenario, plan, scene, loader, results)
            if ecash.SCENARIO in plan.parts:
                _say(ecash.TITLE)
                loader.troubles += await _spend(plan, scene, results)
            if MEMORY in plan.parts:
                for one, target in scene.targets.items():
                    results.add(MEMORY, one, {END_MB: resident_mb(target.pids)})
            _say("Money")
            verdicts = [await till.check(*one) for one in scene.purses.items()]
            if starting.SCENARIO in plan.parts:
                _say("Cold start")
                await starting.measure(scene.node, keys[NODE], plan.rounds.count, results)
    rounds = plan.rounds
    return Run(
        circumstances, scene.versions, scene.missing, loader.troubles, rounds.count,
        rounds.seconds, results.samples, verdicts,
    )  # fmt: skip


def _measure(
    scenario: Scenario, plan: Plan, scene: Scene, loader: Loader, results: Results
) -> None:
    if scenario.name in plan.parts:
        _say(scenario.title)
        loader.measure(scenario, scene.targets, results)


async def _set(plan: Plan, folder: Path, stack: AsyncExitStack) -> Scene:
    """Start what is to be measured, and what it needs."""
    _say("Starting")
    tools = Tools.build(folder / "tools")
    provider, upstream = await start_upstream(tools.upstream, folder / "upstream")
    stack.push_async_callback(provider.stop)
    mint = await Mint.start(folder / "mint")
    stack.push_async_callback(mint.stop)
    scene = Scene(tools, mint)
    if RELAY in plan.targets:
        relay, target = await start_relay(folder / "relay", upstream)
        stack.push_async_callback(relay.stop)
        scene.targets[RELAY] = target
    for peer in peers.ALL:
        if peer.name in plan.targets:
            try:
                running = await peers.start(peer, folder / peer.name, upstream)
            except Missing as missing:
                print(f"  {peer.name} is left out: {missing}", flush=True)
                scene.missing[peer.name] = str(missing)
                continue
            stack.push_async_callback(running.stop)
            scene.targets[peer.name] = running.target
            scene.versions[peer.name] = running.version
    await _start_nodes(plan, folder, upstream, scene, stack)
    scene.begun_mb = {name: resident_mb(one.pids) for name, one in scene.targets.items()}
    return scene


async def _start_nodes(
    plan: Plan, folder: Path, upstream: int, scene: Scene, stack: AsyncExitStack
) -> None:
    """The node with SQLite, which is always there, and the one with PostgreSQL."""
    servers: dict[str, Postgres | None] = {NODE: None}
    if NODE_POSTGRES in plan.targets:
        servers[NODE_POSTGRES] = server = await Postgres.start(durable=True)
        stack.push_async_callback(server.stop)
        scene.versions["PostgreSQL"] = server.version
    for name, one in servers.items():
        node = await start_node(folder / f"node-{len(scene.purses)}", upstream, scene.mint, one)
        stack.push_async_callback(node.stop)
        scene.targets[name] = node_target(node, one)
        scene.purses[name] = await fill(node, scene.mint)


async def _spend(plan: Plan, scene: Scene, results: Results) -> list[str]:
    """Spend ecash; returns what failed."""
    failed: list[str] = []
    async with ecash.EcashLoad(scene.mint, scene.node) as client:
        await client.measure(plan.rounds.count, plan.rounds.seconds, results, failed)
    return failed


async def _weigh(plan: Plan, scene: Scene, loader: Loader, results: Results) -> None:
    """Look at memory once the node has served many requests, before any crowd of streams."""
    paid = await scene.purses[NODE].requests()
    try:
        while paid < plan.requests:
            paid += loader.pay(scene.targets[NODE], JSON[1].call, _TOP_UP_S)
    except LoadFailed as failure:
        loader.troubles.append(f"{MEMORY}: {failure}")
    for name, target in scene.targets.items():
        purse = scene.purses.get(name)
        values = {
            "start_mb": scene.begun_mb[name],
            MEMORY_MB: resident_mb(target.pids),
            PAID: await purse.requests() if purse else 0,
        }
        results.add(MEMORY, name, values)


def _say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", flush=True)
