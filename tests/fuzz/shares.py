"""Runs episodes, each on a database of its own; several processes share them."""

import asyncio
import multiprocessing
import random
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from multiprocessing.synchronize import Event
from pathlib import Path
from queue import Empty
from typing import Any, Final

from devkit.postgres import Postgres
from routstr.core.clock import ManualClock
from tests.fuzz import lifecycle
from tests.fuzz.explain import Broken
from tests.fuzz.loop import HastyLoop
from tests.fuzz.places import SQLITE, Ear, Place, PostgresPlace, SqlitePlace, listening
from tests.fuzz.report import Tally
from tests.fuzz.requests import ALL
from tests.fuzz.rules import OTHERS, do
from tests.fuzz.scope import Choices, Scope
from tests.fuzz.world import World

Tell = Callable[[str, int], None]
"""Told the database's name and how many more operations are done."""

_OTHERS: Final = tuple(chain.from_iterable([r] * n for r, n in OTHERS.items()))
_OTHERS_PERCENT: Final = 11
_NUMBERS: Final = 1 << 30
_TOLD_EVERY: Final = 50
_POLL_S: Final = 0.5


class _Stopped(Exception):
    """Another process has found something."""


@dataclass(frozen=True, slots=True)
class Share:
    """Episodes on one kind of database: their numbers and how many operations each has."""

    place: str
    seed: int
    episodes: tuple[tuple[int, int], ...]


def work(share: Share, tell: Tell, stopped: Callable[[], bool]) -> Tally:
    """Run the episodes; ends at the first promise that is broken."""
    tally = Tally(share.place)
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.0002)  # the loop and two writers take turns at every operation
    with listening() as ear, _place(share.place) as place:
        for number, operations in share.episodes:
            seed = f"{share.seed}/{share.place}/{number}"
            try:
                _episode(place, seed, operations, ear, tally, tell, stopped)
            except _Stopped:
                break
            except Exception as error:  # noqa: BLE001 - whatever it is, the run has found it
                again = f"--db {share.place} --seed {share.seed} --episode {number}"
                tally.broken.append(f"BROKEN on {share.place} (again: {again}): {_told(error)}")
                break
    sys.setswitchinterval(before)
    return tally


def in_processes(shares: Sequence[Share], tell: Tell) -> list[Tally]:
    """Let each share have a process of its own; when one finds something, all end."""
    context = multiprocessing.get_context("spawn")
    outbox: Any = context.Queue()
    stop = context.Event()
    workers = [
        context.Process(target=_worker, args=(share, outbox, stop), daemon=True) for share in shares
    ]
    for worker in workers:
        worker.start()
    tallies: list[Tally] = []
    while len(tallies) < len(workers):
        try:
            told = outbox.get(timeout=_POLL_S)
        except Empty:
            if all(worker.exitcode is not None for worker in workers) and outbox.empty():
                raise RuntimeError("a process of the run ended without a word") from None
            continue
        if isinstance(told, Tally):
            tallies.append(told)
            if told.broken:
                stop.set()
        else:
            tell(*told)
    for worker in workers:
        worker.join()
    return tallies


def _worker(share: Share, outbox: Any, stop: Event) -> None:
    def tell(place: str, more: int) -> None:
        outbox.put((place, more))

    try:
        outbox.put(work(share, tell, stop.is_set))
    except KeyboardInterrupt:
        return


def _episode(
    place: Place,
    seed: str,
    operations: int,
    ear: Ear,
    tally: Tally,
    tell: Tell,
    stopped: Callable[[], bool],
) -> None:
    """One database from its first token to the last refund."""
    clock = ManualClock()
    ear.heard.clear()

    async def live(url: str) -> None:
        rng = random.Random(seed)
        world = await World.open(url, clock, ear.heard)
        told = 0
        try:
            while world.operations < operations:
                await _step(world, rng)
                if world.operations - told >= _TOLD_EVERY:
                    tell(place.name, world.operations - told)
                    told = world.operations
                    if stopped():
                        raise _Stopped
            await lifecycle.close(world)
        finally:
            tally.take(world)
            await world.stop()

    url = place.create()
    try:
        with asyncio.Runner(loop_factory=lambda: HastyLoop(clock)) as runner:
            runner.run(live(url))
    finally:
        place.remove(url)


async def _step(world: World, rng: random.Random) -> None:
    """Let one rule happen."""
    scope = Scope.wide(world, Choices([rng.randrange(_NUMBERS)]))
    if rng.randrange(100) < _OTHERS_PERCENT:
        await rng.choice(_OTHERS)(scope)
    else:
        await do(scope, rng.choice(ALL))


def _told(error: Exception) -> str:
    plain = isinstance(error, Broken) and error.__cause__ is None
    return str(error) if plain else "".join(traceback.format_exception(error))


@contextmanager
def _place(name: str) -> Iterator[Place]:
    if name == SQLITE:
        with tempfile.TemporaryDirectory(prefix="routstr-fuzz-") as folder:
            yield SqlitePlace(Path(folder))
        return
    with asyncio.Runner() as runner:
        server = runner.run(Postgres.start())
        try:
            yield PostgresPlace(server)
        finally:
            runner.run(server.stop())
