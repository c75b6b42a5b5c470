"""What goes wrong, when, and how it is healed."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from random import Random
from typing import Final

from devkit.upstream import Play, Shape, Upstream, chat, hang_up, refuse
from tests.chaos.proxy import Mode
from tests.chaos.world import World

_LASTS_S: Final = (0.5, 5.0)
_PAUSE_S: Final = (0.3, 2.5)
_CLOCK_S: Final = (-3_600, -30, 30, 3_600)
_FAULTY: Final[tuple[Play, ...]] = (
    refuse(500),
    refuse(429),
    hang_up(reset=True),
    chat(shape=Shape(stop_after=3, ending="reset")),
)
Fault = Callable[[], Awaitable[str]]


class Faults:
    """Lets parts of a world fail, one fault after the other by chance, two at a time."""

    def __init__(self, world: World, chance: Random) -> None:
        self._world: Final = world
        self._chance: Final = chance
        self._began: Final = time.monotonic()
        self._busy: Final[set[object]] = set()
        self._kinds: Final[list[Fault]] = [
            self._kill_node,
            self._pause_node,
            self._cut,
            self._cut,
            self._restart_database,
            self._kill_mint,
            self._freeze_mint,
            self._misbehave,
            self._fill_disk,
            self._jump_clock,
        ]
        self.counts: Final[Counter[str]] = Counter()
        self.log: Final[list[str]] = []

    async def run(self, seconds: float) -> None:
        """Every kind at least once if time allows, in an order of chance."""
        waiting = list(self._kinds)
        self._chance.shuffle(waiting)
        deadline = time.monotonic() + seconds

        async def work() -> None:
            while time.monotonic() < deadline:
                fault = waiting.pop() if waiting else self._chance.choice(self._kinds)
                at = time.monotonic() - self._began
                told = await fault()
                if told:
                    self.counts[told.partition(":")[0]] += 1
                    self.log.append(f"{at:6.1f} s  {told}")
                await asyncio.sleep(self._chance.uniform(*_PAUSE_S))

        await asyncio.gather(work(), work())

    async def heal(self) -> None:
        """Everything as it was."""
        for proxy in self._world.proxies.values():
            proxy.turn(Mode.HONEST)
        for node in self._world.nodes.values():
            node.pause(on=False)
            node.fill_disk(on=False)
            node.jump(0)
            await node.revive()

    async def _last(self) -> float:
        seconds = self._chance.uniform(*_LASTS_S)
        await asyncio.sleep(seconds)
        return seconds

    def _taken(self, *parts: object) -> bool:
        """Whether somebody else is at one of them; else they are ours."""
        if self._busy & set(parts):
            return True
        self._busy.update(parts)
        return False

    async def _kill_node(self) -> str:
        node = self._chance.choice(list(self._world.nodes.values()))
        if self._taken(node, "database"):  # whose start needs one
            return ""
        node.kill()
        seconds = await self._last()
        await node.start()
        self._busy.difference_update({node, "database"})
        return f"node killed: {node.name}, started again after {seconds:.1f} s"

    async def _pause_node(self) -> str:
        node = self._chance.choice(list(self._world.nodes.values()))
        if self._taken(node):
            return ""
        node.pause(on=True)
        # some pauses are longer than the lease: another one has taken over meanwhile
        seconds = self._chance.choice((1.0, 4.0, 16.0))
        await asyncio.sleep(seconds)
        node.pause(on=False)
        self._busy.discard(node)
        return f"node paused: {node.name}, {seconds:.1f} s"

    async def _cut(self) -> str:
        name = self._chance.choice(list(self._world.proxies))
        mode = self._chance.choice([mode for mode in Mode if mode is not Mode.HONEST])
        if self._taken(name, *(["database"] if name.startswith("database") else [])):
            return ""
        self._world.proxies[name].turn(mode)
        seconds = await self._last()
        self._world.proxies[name].turn(Mode.HONEST)
        self._busy.difference_update({name, "database"} if name.startswith("database") else {name})
        return f"cut off ({mode}): {name}, {seconds:.1f} s"

    async def _restart_database(self) -> str:
        if self._taken("database"):
            return ""
        at_once = self._chance.random() < 0.5
        await self._world.postgres.restart(at_once=at_once)
        self._busy.discard("database")
        return f"database restarted ({'immediate' if at_once else 'fast'}): PostgreSQL"

    async def _kill_mint(self) -> str:
        mint = self._chance.choice(list(self._world.mints.values()))
        if self._taken(mint):
            return ""
        mint.kill()
        seconds = await self._last()
        await mint.restart()
        self._busy.discard(mint)
        return f"mint killed: {mint.url}, started again after {seconds:.1f} s"

    async def _freeze_mint(self) -> str:
        mint = self._chance.choice(list(self._world.mints.values()))
        if self._taken(mint):
            return ""
        mint.freeze()
        seconds = await self._last()
        mint.thaw()
        self._busy.discard(mint)
        return f"mint paused: {mint.url}, {seconds:.1f} s"

    async def _misbehave(self) -> str:
        name, upstream = self._chance.choice(list(self._world.upstreams.items()))
        number = self._chance.randint(1, 8)
        upstream.next(*self._plays(number))
        return f"provider misbehaves: {name}, {number} times"

    def _plays(self, number: int) -> list[Play]:
        return [self._chance.choice(_FAULTY) for _ in range(number)]

    async def _fill_disk(self) -> str:
        node = self._chance.choice(list(self._world.nodes.values()))
        if self._taken(node):
            return ""
        node.fill_disk(on=True)
        seconds = await self._last()
        node.fill_disk(on=False)
        self._busy.discard(node)
        return f"disk full (RLIMIT_FSIZE): {node.name}, {seconds:.1f} s"

    async def _jump_clock(self) -> str:
        node = self._chance.choice(list(self._world.nodes.values()))
        if self._taken(node):
            return ""
        shift = self._chance.choice(_CLOCK_S)
        node.jump(shift)
        seconds = await self._last()
        node.jump(0)
        self._busy.discard(node)
        return f"clock jumped: {node.name} by {shift} s, back after {seconds:.1f} s"


def quiet(upstream: Upstream) -> None:
    """Forget the misbehaviour that nobody has asked for yet."""
    upstream._queue.clear()
