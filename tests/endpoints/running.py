"""Runs cells, several at a time, at the one node."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from tests.endpoints.cells import Cell, run
from tests.endpoints.payers import TOKEN_SAT, Broken, Paying, WithToken, WithXCashu
from tests.endpoints.report import Result
from tests.endpoints.world import World

CELL_LIMIT_S: Final = 120.0


async def run_all(cells: Sequence[Cell], world: World, *, workers: int, seed: int) -> list[Result]:
    """All of them; what is wrong with one does not keep the others from running.

    Those that only wait for a provider that says nothing wait beside the ``workers``.
    """
    numbered = [(f"{seed}-{number}", cell) for number, cell in enumerate(cells)]
    waiting = [one for one in numbered if one[1].outcome == "timeout"]
    results: list[Result] = []

    async def work(queue: Iterator[tuple[str, Cell]]) -> None:
        for name, cell in queue:
            results.append(await _result(cell, world, name))

    async with asyncio.TaskGroup() as group:
        for some in (waiting, [one for one in numbered if one not in waiting]):
            queue = iter(some)
            for _ in range(workers):
                group.create_task(work(queue))
    return results


async def judged(world: World) -> str:
    """What is wrong with the whole; empty when nothing is."""
    try:
        await world.judge()
    except Broken as broken:
        return f"BROKEN {broken}"
    return ""


async def _result(cell: Cell, world: World, seed: str) -> Result:
    started = time.monotonic()
    problem, wanted = "", None
    try:
        async with asyncio.timeout(CELL_LIMIT_S), _payer(cell, world) as payer:
            wanted = await run(cell, world, payer, seed)
    except Broken as broken:
        problem = str(broken)
    except Exception as error:  # noqa: BLE001 - told in the table; the other cells go on
        problem = f"{type(error).__name__} {error}"
    return Result(cell, problem, wanted, time.monotonic() - started)


@asynccontextmanager
async def _payer(cell: Cell, world: World) -> AsyncIterator[Paying]:
    """Somebody who pays this cell alone, or a key of many cells."""
    if cell.payment != "sk":
        kind = WithToken if cell.payment == "cashu" else WithXCashu
        yield kind(world.bank, await world.bank.token(TOKEN_SAT))
        return
    key = await world.key()
    try:
        yield key
    finally:
        world.keys.append(key)
