"""``python -m tests.endpoints.matrix``; exit status 0 only when all of it holds.

Every endpoint, whole and as a stream, paid with a key, with a token that becomes one and with a
token for the request alone, while all goes well and while the provider refuses, fails, says
nothing, breaks off, tells no usage, or the client hangs up. What is charged is compared to the msat
with what the provider said and the node's published prices; nothing may stay held, change must be
right, and in the end every msat is accounted for, at the node and at the mint.
"""

import argparse
import asyncio
import logging
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random
from typing import Final

from devkit.environment import forget_surroundings, name_nurseries
from devkit.mint import Mint
from devkit.nursing import Nurse
from devkit.payer import Payer
from devkit.postgres import Postgres
from devkit.processes import ServiceFailed
from tests.endpoints.cells import PAYMENTS, Cell
from tests.endpoints.outcomes import OUTCOMES
from tests.endpoints.report import say, tell
from tests.endpoints.rows import FREE, ROWS
from tests.endpoints.running import judged, run_all
from tests.endpoints.talking import TALK
from tests.endpoints.world import World, open_world

DATABASES: Final = ("sqlite", "postgres")


def all_cells() -> list[Cell]:
    """The whole matrix."""
    paid = [Cell(row, pays, what) for row in ROWS for what in OUTCOMES for pays in PAYMENTS]
    talks = [
        Cell(TALK, pays, what)
        for what in OUTCOMES
        for pays in PAYMENTS
        if pays != "x-cashu" or what == "ok"  # which is refused whatever the provider would do
    ]
    return [*paid, *(Cell(row, pays, None) for row in FREE for pays in PAYMENTS), *talks]


def sample(seed: int) -> list[Cell]:
    """Of every endpoint and outcome one form and one payer, by chance; one conversation."""
    rng = Random(seed)
    grouped: dict[tuple[str, object], list[Cell]] = {}
    for cell in all_cells():
        outcome = None if cell.row is TALK else cell.outcome
        grouped.setdefault((cell.row.name, outcome), []).append(cell)
    return [rng.choice(cells) for cells in grouped.values()]


def main(arguments: list[str]) -> int:
    """The exit status."""
    options = _options(arguments)
    forget_surroundings()
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # connections that are hung up
    folder = Path(tempfile.mkdtemp(prefix="routstr-endpoints-"))
    try:
        good = asyncio.run(_matrix(folder, options))
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    except ServiceFailed as failure:
        say(str(failure))
        return 1
    if good:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        say(f"logs and database are kept in {folder}")
    return 0 if good else 1


async def _matrix(folder: Path, options: argparse.Namespace) -> bool:
    cells = sample(options.seed) if options.sample else all_cells()
    chosen = [cell for cell in cells if options.match in str(cell)]
    say(f"{len(chosen)} cells, seed {options.seed}, {options.db}")
    async with _opened(folder, options.db) as world:
        started = time.monotonic()
        results = await run_all(chosen, world, workers=options.workers, seed=options.seed)
        problem = await judged(world)
        tell(results, world.till, problem, time.monotonic() - started)
    return bool(results) and not problem and not any(result.problem for result in results)


@asynccontextmanager
async def _opened(folder: Path, database: str) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        nurse = await Nurse.of_nodes_and_mints()
        stack.callback(nurse.stop)
        name_nurseries(nurse.folder)
        stack.callback(name_nurseries, None)
        mint = await Mint.start(folder / "mint")
        stack.push_async_callback(mint.stop)
        url = f"sqlite:///{folder / 'routstr.db'}"
        if database == "postgres":
            server = await Postgres.start()
            stack.push_async_callback(server.stop)
            url = server.create_database()
        payer = await stack.enter_async_context(Payer(mint.url, stocks=True))
        yield await stack.enter_async_context(open_world(folder, url, payer))


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.endpoints.matrix", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of what is used and of the sample")
    parser.add_argument("--db", choices=DATABASES, default=DATABASES[0])
    parser.add_argument("--sample", action="store_true", help="one form and payer of each")
    parser.add_argument("--workers", type=int, default=8, help="cells at the same time")
    parser.add_argument("--match", default="", help="only cells whose line contains this")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
