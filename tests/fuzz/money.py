"""``python -m tests.fuzz.money --ops 10000 --seed 7``: money moves at random, and none may be lost.

Two nodes on one database serve users at random, with mints and a database that let them down and
processes that die; a model says what every answer must be and what the books must say. A run is cut
into episodes, each with a database of its own; ``--episode`` runs one of them again. Exit status 0
only when not one promise was broken.
"""

import argparse
import asyncio
import random
import secrets
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import chain, count
from pathlib import Path
from typing import Final

from devkit.postgres import Postgres
from devkit.processes import ServiceFailed
from routstr.core.clock import ManualClock
from tests.fuzz import lifecycle
from tests.fuzz.explain import Broken
from tests.fuzz.loop import HastyLoop
from tests.fuzz.places import (
    POSTGRES,
    SQLITE,
    Ear,
    Place,
    PostgresPlace,
    SqlitePlace,
    listening,
)
from tests.fuzz.report import Progress, Tally, say, tell
from tests.fuzz.rules import OTHERS, PLANNERS, Choices, Scope, do
from tests.fuzz.world import World

EPISODE_OPERATIONS: Final = 2_500
_SINGLES: Final = tuple(chain.from_iterable([p] * n for p, n in PLANNERS.items()))
_OTHERS: Final = tuple(chain.from_iterable([r] * n for r, n in OTHERS.items()))
_OTHERS_PERCENT: Final = 15
_NUMBERS: Final = 1 << 30


def main(arguments: list[str]) -> int:
    """The exit status."""
    options = _options(arguments)
    sys.setswitchinterval(0.0002)  # the loop and two writers take turns at every operation
    say(f"seed {options.seed}, {options.ops} operations on each of: {', '.join(options.db)}")
    tallies = []
    try:
        with listening() as ear, ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="routstr-fuzz-")))
            for name in options.db:
                with _place(name, folder) as place:
                    tallies.append(run(place, options, ear))
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    except ServiceFailed as failure:
        say(str(failure))
        return 1
    tell(tallies)
    broken = [story for tally in tallies for story in tally.broken]
    for story in broken:
        say(f"\n{story}")
    return 1 if broken else 0


def run(place: Place, options: argparse.Namespace, ear: Ear) -> Tally:
    """Everything on one database; stops at the first promise that is broken."""
    tally = Tally(place.name)
    progress = Progress(options.ops)
    for number in count() if options.episode is None else iter([options.episode]):
        left = options.ops - tally.operations
        if left <= 0:
            break
        seed = f"{options.seed}/{place.name}/{number}"
        try:
            _episode(place, seed, min(left, EPISODE_OPERATIONS), ear, tally, progress)
        except Exception as error:  # noqa: BLE001 - whatever it is, the run has found it
            plain = isinstance(error, Broken) and error.__cause__ is None
            told = str(error) if plain else traceback.format_exc()
            again = f"--db {place.name} --seed {options.seed} --episode {number}"
            tally.broken.append(f"BROKEN on {place.name} (again: {again}): {told}")
            break
    tally.seconds = progress.seconds
    return tally


def _episode(
    place: Place, seed: str, operations: int, ear: Ear, tally: Tally, progress: Progress
) -> None:
    """One database from its first token to the last refund."""
    clock = ManualClock()
    ear.heard.clear()

    async def live(url: str) -> None:
        rng = random.Random(seed)
        world = await World.open(url, clock, ear.heard)
        try:
            while world.operations < operations:
                await step(world, rng)
                progress.tell(place.name, tally.operations + world.operations)
            await lifecycle.close(world)
        finally:
            tally.add(world)
            await world.stop()

    url = place.create()
    try:
        with asyncio.Runner(loop_factory=lambda: HastyLoop(clock)) as runner:
            runner.run(live(url))
    finally:
        place.remove(url)


async def step(world: World, rng: random.Random) -> None:
    """Let one rule happen."""
    scope = Scope.wide(world, Choices([rng.randrange(_NUMBERS)]))
    if rng.randrange(100) < _OTHERS_PERCENT:
        await rng.choice(_OTHERS)(scope)
    else:
        await do(scope, rng.choice(_SINGLES))


@contextmanager
def _place(name: str, folder: Path) -> Iterator[Place]:
    if name == SQLITE:
        yield SqlitePlace(folder)
        return
    with asyncio.Runner() as runner:
        server = runner.run(Postgres.start())
        try:
            yield PostgresPlace(server)
        finally:
            runner.run(server.stop())


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.money", description=__doc__)
    parser.add_argument("--ops", type=int, default=10_000, help="operations on each database")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--db", choices=(SQLITE, POSTGRES), default=None, help="only this one")
    parser.add_argument("--episode", type=int, default=None, help="only this one, as it was told")
    options = parser.parse_args(arguments)
    options.seed = secrets.randbelow(1_000_000) if options.seed is None else options.seed
    options.db = [options.db] if options.db else [SQLITE, POSTGRES]
    return options


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
