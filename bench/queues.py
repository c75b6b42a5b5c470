"""Instances, a database and the way between them, as queues. The same seed is the same run.

A request takes its turn on an instance's event loop, waits for a batch of that instance's writer
(hold), for the provider, and for a batch again (settle). Batches of all instances take turns at
what they share: the rows of the node's own accounts are locked from the statement to the commit.
Service times are measured (``docs/benchmarks.md``, ``docs/scaling.md``); nothing else is assumed.
"""

import heapq
import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

BATCH_MAX: Final = 256
_SHORT_S: Final = 0.8
_FEW: Final = 1_000


@dataclass(frozen=True, slots=True)
class World:
    """What is simulated. Times in seconds.

    ``loop_s`` is an instance's processor time per request, half of it before the hold;
    ``pair_s`` PostgreSQL's per hold or settle; ``commit_s`` a batch's commit, the disk's answer
    included; ``rtt_s`` the way from an instance to the database and back, of which a batch needs
    ``trips``. ``shared``: batches of all instances lock the same rows. An instance dies at
    ``dies_at_s`` and is not asked for ``away_s``.
    """

    instances: int = 1
    rate: float = 500.0
    seconds: float = 20.0
    loop_s: float = 0.000_2
    pair_s: float = 0.000_03
    commit_s: float = 0.001
    rtt_s: float = 0.000_1
    trips: int = 2
    provider_s: float = 0.5
    shared: bool = True
    dies_at_s: float | None = None
    away_s: float = 0.0
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it. Latencies are what the node adds to the provider's time, in seconds."""

    served: int
    lost: int
    rate: float
    p50_s: float
    p99_s: float
    loop_busy: float
    database_busy: float


class _Clock:
    """Events in order of time; those of one moment in order of their making."""

    def __init__(self) -> None:
        self.now = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def after(self, seconds: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.now + seconds, next(self._numbers), what))

    def run(self, until: float) -> None:
        while self._events and self._events[0][0] <= until:
            self.now, _, what = heapq.heappop(self._events)
            what()


class _Turns:
    """Serves one after the other."""

    def __init__(self, clock: _Clock) -> None:
        self._clock = clock
        self._free_at = 0.0
        self.busy_s = 0.0

    def take(self, seconds: float, then: Callable[[], None]) -> None:
        begin = max(self._clock.now, self._free_at)
        self._free_at = begin + seconds
        self.busy_s += seconds
        self._clock.after(self._free_at - self._clock.now, then)


class _Instance:
    """An event loop, and a writer that commits what has gathered since its last batch."""

    def __init__(self, clock: _Clock, world: World, rows: _Turns) -> None:
        self._clock, self._world, self._rows = clock, world, rows
        self.loop = _Turns(clock)
        self.lives = True
        self._waiting: list[Callable[[], None]] = []
        self._writing = False

    def write(self, then: Callable[[], None]) -> None:
        self._waiting.append(then)
        if not self._writing:
            self._begin()

    def _begin(self) -> None:
        batch, self._waiting = self._waiting[:BATCH_MAX], self._waiting[BATCH_MAX:]
        self._writing = bool(batch)
        if not batch:
            return
        world = self._world
        held = len(batch) * world.pair_s + world.commit_s + world.rtt_s

        def done() -> None:
            for then in batch:
                then()
            self._begin()

        first = (world.trips - 1) * world.rtt_s
        self._clock.after(first, lambda: self._rows.take(held, done))


def simulate(world: World) -> Outcome:
    """Run it once."""
    clock, chance = _Clock(), random.Random(world.seed)
    one = _Turns(clock)
    rows = [one if world.shared else _Turns(clock) for _ in range(world.instances)]
    instances = [_Instance(clock, world, own) for own in rows]
    added: list[float] = []
    lost = 0

    def arrive() -> None:
        clock.after(chance.expovariate(world.rate), arrive)
        able = [one for one in instances if one.lives]
        if able:
            serve(chance.choice(able), clock.now)

    def serve(at: _Instance, begun: float) -> None:
        wait = chance.expovariate(1 / world.provider_s)

        def end() -> None:
            nonlocal lost
            if at.lives:
                added.append(clock.now - begun - wait)
            else:
                lost += 1

        def settle() -> None:
            at.loop.take(world.loop_s / 2, lambda: at.write(end))

        at.loop.take(world.loop_s / 2, lambda: at.write(lambda: clock.after(wait, settle)))

    def die() -> None:
        instances[0].lives = False
        clock.after(world.away_s, back)

    def back() -> None:
        instances[0] = _Instance(clock, world, rows[0])

    clock.after(0, arrive)
    if world.dies_at_s is not None:
        clock.after(world.dies_at_s, die)
    clock.run(world.seconds)
    added.sort()
    return Outcome(
        len(added),
        lost,
        len(added) / world.seconds,
        _quantile(added, 0.5),
        _quantile(added, 0.99),
        max(one.loop.busy_s for one in instances) / world.seconds,
        sum(one.busy_s for one in {id(one): one for one in rows}.values()) / world.seconds,
    )


def _quantile(ordered: Sequence[float], part: float) -> float:
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else 0.0


def most(world: World, p99_s: float = 0.1) -> float:
    """The rate at which the slowest hundredth still waits no longer than this, to 2 %."""
    low, high = 0.0, world.instances / world.loop_s
    while high - low > 0.02 * high:
        rate = (low + high) / 2
        seconds = max(_SHORT_S, _FEW / rate)  # what providers take changes nothing here
        tried = replace(world, rate=rate, seconds=seconds, provider_s=_SHORT_S / 10)
        low, high = (rate, high) if simulate(tried).p99_s <= p99_s else (low, rate)
    return low
