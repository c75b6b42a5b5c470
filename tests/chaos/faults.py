"""How what was planned goes wrong, and how it is healed."""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from random import Random
from typing import Final

from devkit.upstream import Play, hang_up, refuse
from tests.chaos.identity import speak
from tests.chaos.lease import Lease
from tests.chaos.plan import Kind, Planned, plan
from tests.chaos.proxy import Mode
from tests.chaos.world import STALE_S, World

_CLOCK_S: Final = (30, 3_600)
_HELD_S: Final = 15.0
_TAKEN_OVER_S: Final = 60.0
_FAULTY: Final[tuple[Play, ...]] = (
    refuse(500),
    refuse(429),
    hang_up(reset=True),
    speak(stop_after=3, ending="reset"),
)
_MODES: Final = {
    Kind.REFUSE: Mode.REFUSE,
    Kind.RESET: Mode.RESET,
    Kind.BLACKHOLE: Mode.BLACKHOLE,
    Kind.SLOW: Mode.SLOW,
}
Fault = Callable[[Planned], Awaitable[str]]


class Faults:
    """Lets parts of a world fail as planned, each hand one after the other.

    ``troubles`` tells what did not happen as it should.
    """

    def __init__(self, world: World, chance: Random, seconds: float) -> None:
        self._world: Final = world
        self._chance: Final = chance
        self._plan: Final = plan(chance, seconds)
        self._faults: Final[Mapping[Kind, Fault]] = {
            **dict.fromkeys(_MODES, self._cut),
            Kind.KILL: self._kill_node,
            Kind.PAUSE: self._pause_node,
            Kind.DISK: self._fill_disk,
            Kind.FORWARD: self._jump_clock,
            Kind.BACK: self._jump_clock,
            Kind.FAST: self._restart_database,
            Kind.IMMEDIATE: self._restart_database,
            Kind.KILL_MINT: self._kill_mint,
            Kind.FREEZE_MINT: self._freeze_mint,
            Kind.MISBEHAVE: self._misbehave,
        }
        self.counts: Final[Counter[str]] = Counter()
        self.log: Final[list[str]] = []
        self.troubles: Final[list[str]] = []

    async def run(self) -> None:
        """All of them, each when its moment has come and the one before is over."""
        began = time.monotonic()

        async def play(hand: list[Planned]) -> None:
            for one in hand:
                await asyncio.sleep(max(0.0, began + one.at - time.monotonic()))
                at = time.monotonic() - began
                told = await self._faults[one.kind](one)
                self.counts[one.kind] += 1
                self.log.append(f"{at:6.1f} s  {one.kind}: {one.target}, {told}")

        await asyncio.gather(*(play(hand) for hand in self._plan))

    async def heal(self) -> None:
        """Everything as it was."""
        for proxy in self._world.proxies.values():
            proxy.turn(Mode.HONEST)
        for upstream in self._world.upstreams.values():
            upstream._queue.clear()  # the misbehaviour that nobody has asked for yet
        for node in self._world.nodes.values():
            node.pause(on=False)
            node.fill_disk(on=False)
            node.jump(0)
            if not node.child.running:
                self.troubles.append(f"{node.name} had ended: {node.child.tail()}")
                await node.start()

    async def _kill_node(self, one: Planned) -> str:
        node = self._world.nodes[one.target]
        status = node.kill()
        if status != -signal.SIGKILL:
            self.troubles.append(f"{node.name} had ended with {status}: {node.child.tail()}")
        await asyncio.sleep(one.lasts)
        await node.start()
        return f"started again after {one.lasts:.1f} s"

    async def _pause_node(self, one: Planned) -> str:
        """In the midst of requests, until the other node has ended what it left."""
        node, lease = self._world.nodes[one.target], Lease(self._world.books.url)
        began = time.monotonic()
        node.pause(on=True)
        while not (left := await lease.left_by(node.child.pid)):
            node.pause(on=False)
            if time.monotonic() - began > _HELD_S:
                self.troubles.append(f"{node.name} had no hold in {_HELD_S} s: not paused")
                return "not paused"
            await asyncio.sleep(self._chance.uniform(0.02, 0.1))
            node.pause(on=True)
        began = time.monotonic()
        after = await lease.ended(left, limit_s=_TAKEN_OVER_S)
        if after is None:
            self.troubles.append(f"nobody took over {len(left)} holds of {node.name}")
        await asyncio.sleep(max(0.0, STALE_S + one.lasts - (time.monotonic() - began)))
        node.pause(on=False)
        paused = time.monotonic() - began
        return f"{paused:.1f} s; its {len(left)} holds were ended after {after or 0:.1f} s"

    async def _fill_disk(self, one: Planned) -> str:
        node = self._world.nodes[one.target]
        node.fill_disk(on=True)
        await asyncio.sleep(one.lasts)
        node.fill_disk(on=False)
        return f"{one.lasts:.1f} s"

    async def _jump_clock(self, one: Planned) -> str:
        node, shift = self._world.nodes[one.target], self._chance.choice(_CLOCK_S)
        node.jump(-shift if one.kind is Kind.BACK else shift)
        await asyncio.sleep(one.lasts)
        node.jump(0)
        return f"by {shift} s, right again after {one.lasts:.1f} s"

    async def _restart_database(self, one: Planned) -> str:
        began = time.monotonic()
        await self._world.postgres.restart(at_once=one.kind is Kind.IMMEDIATE)
        return f"{time.monotonic() - began:.1f} s"

    async def _cut(self, one: Planned) -> str:
        self._world.proxies[one.target].turn(_MODES[one.kind])
        await asyncio.sleep(one.lasts)
        self._world.proxies[one.target].turn(Mode.HONEST)
        return f"{one.lasts:.1f} s" if one.lasts else "what was connected"

    async def _kill_mint(self, one: Planned) -> str:
        mint = self._world.mints[one.target]
        mint.kill()
        await asyncio.sleep(one.lasts)
        await mint.restart()
        return f"started again after {one.lasts:.1f} s"

    async def _freeze_mint(self, one: Planned) -> str:
        mint = self._world.mints[one.target]
        mint.freeze()
        await asyncio.sleep(one.lasts)
        mint.thaw()
        return f"{one.lasts:.1f} s"

    async def _misbehave(self, one: Planned) -> str:
        plays = [self._chance.choice(_FAULTY) for _ in range(self._chance.randint(1, 8))]
        self._world.upstreams[one.target].next(*plays)
        return f"{len(plays)} times"
