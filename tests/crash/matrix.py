"""The crash matrix: ``python -m tests.crash.matrix``; exit status 0 only when all of it holds.

Kills a node at every commit and around every call to its mint, in every operation that moves
money, on both databases, with both generations of mints, with and without fees, in both units;
starts it again and proves that the user has either the credit or the token, to the unit.
"""

import argparse
import asyncio
import logging
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from devkit.environment import forget_surroundings
from devkit.processes import ServiceFailed
from tests.crash import plan
from tests.crash.case import Broken
from tests.crash.cells import Cell, run
from tests.crash.operations import OPERATIONS
from tests.crash.report import Row, say, tell
from tests.crash.world import World

CELL_LIMIT_S: Final = 180.0
_LAST_CELL_S: Final = 8.0
"""A short run begins no cell so near to its end."""
_SAMPLED: Final = ("create", "topup", "refund", "x-cashu", "lightning-create", "lightning-refund")
"""What a short run is made of: to find the moments to die at in all of them takes too long."""


def main(arguments: list[str]) -> int:
    """The exit status."""
    options = _options(arguments)
    forget_surroundings()
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # connections of killed nodes
    folder = Path(tempfile.mkdtemp(prefix="routstr-crash-"))
    folder.chmod(0o755)  # PostgreSQL may run as another user
    try:
        rows = asyncio.run(_matrix(folder, options))
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    except (Broken, ServiceFailed) as error:
        say(f"the moments to die at could not be found: {error}\n{folder} is kept")
        return 1
    failed = any(row.problem for row in rows)
    if failed:
        say(f"folders of failed cells are kept below {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if failed or not rows else 0


async def _matrix(folder: Path, options: argparse.Namespace) -> list[Row]:
    started = time.monotonic()
    operations = options.operations or (_SAMPLED if options.fast else list(OPERATIONS))
    async with World(folder) as world:
        whats = await (
            plan.takeovers(world, operations)
            if options.take_over
            else plan.troubles(world, options.groups, operations)
        )
        deadline = time.monotonic() + options.fast if options.fast else float("inf")
        chosen = (
            plan.sample(whats, options.seed) if options.fast else plan.full(whats, options.seed)
        )
        cells = [cell for cell in chosen if options.match in str(cell)]
        say(f"{len(whats)} troubles, {len(cells)} cells, seed {options.seed}")
        rows = await _run_all(cells[: options.most], world, options.workers, deadline)
    if world.inherited:
        say(f"{len(world.inherited)} times taken over, within {max(world.inherited):.1f} s at most")
    tell(rows, planned=len(cells), seconds=time.monotonic() - started)
    return rows


async def _run_all(cells: Iterable[Cell], world: World, workers: int, deadline: float) -> list[Row]:
    queue: Iterator[Cell] = iter(cells)
    rows: list[Row] = []

    async def work() -> None:
        for cell in queue:
            if time.monotonic() > deadline - _LAST_CELL_S:
                return
            row = await _row(cell, world)
            say(str(row))
            rows.append(row)

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(work())
    return rows


async def _row(cell: Cell, world: World) -> Row:
    started = time.monotonic()
    problem = ""
    try:
        async with asyncio.timeout(CELL_LIMIT_S):
            await run(cell, world)
    except Broken as broken:
        problem = f"BROKEN {broken}"
    except Exception as error:  # noqa: BLE001 - told in the row; the other cells go on
        problem = f"{type(error).__name__} {error}"
    return Row(cell, problem, time.monotonic() - started)


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.crash.matrix", description=__doc__)
    parser.add_argument("--fast", type=float, metavar="SECONDS", help="a pairwise sample")
    parser.add_argument("--seed", type=int, default=1, help="of the sample")
    parser.add_argument("--workers", type=int, default=2, help="cells at the same time")
    parser.add_argument("--groups", nargs="+", choices=plan.GROUPS, default=plan.GROUPS)
    parser.add_argument("--operations", nargs="+", choices=OPERATIONS, help="not all of them")
    parser.add_argument(
        "--take-over", action="store_true", help="no node comes back: another one goes on, always"
    )
    parser.add_argument("--match", default="", help="only cells whose line contains this")
    parser.add_argument("--most", type=int, metavar="CELLS", help="not more than so many")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
