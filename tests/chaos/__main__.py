"""``make chaos SEED=1``: parts fail at random under load; then every msat is accounted for.

Prints a report; the exit status is 0 only when all of it agrees. The folder of a run that does not
agree is kept.
"""

import argparse
import asyncio
import logging
import secrets
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random

from devkit.environment import forget_surroundings
from tests.chaos.caller import Unsettled
from tests.chaos.faults import Faults
from tests.chaos.plan import DEAL_S
from tests.chaos.report import Report
from tests.chaos.settling import Clients, calm, clients, gather, settle
from tests.chaos.world import STALE_S, World
from tests.crash.report import say


def main(arguments: list[str]) -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--seconds", type=float, default=DEAL_S, help="of faults")
    options = parser.parse_args(arguments)
    say(f"seed {options.seed}")
    forget_surroundings()
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # connections that we cut
    folder = Path(tempfile.mkdtemp(prefix="routstr-chaos-"))
    folder.chmod(0o755)  # PostgreSQL may run as another user
    report = asyncio.run(_run(folder, options.seed, options.seconds))
    say(report.render())
    if report.troubles:
        say(f"{folder} is kept")
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    return 0


async def _run(folder: Path, seed: int, seconds: float) -> Report:
    chance, began = Random(seed), time.monotonic()
    async with World(folder) as world:
        seen: Counter[str] = Counter()
        faults = Faults(world, Random(chance.random()), seconds)
        everybody = await clients(world, chance, seen)
        over, started = asyncio.Event(), time.monotonic()
        async with asyncio.TaskGroup() as group:
            group.create_task(everybody.run(over))
            await faults.run()
            over.set()
        report = Report(seed, faults.log, faults.counts, seen)
        report.faulty_s = time.monotonic() - started
        await faults.heal()
        report.troubles += faults.troubles
        await _count(world, everybody, report)
        report.seconds = time.monotonic() - began
    return report


async def _count(world: World, everybody: Clients, report: Report) -> None:
    """Wait for calm, and compare everything."""
    healed = time.monotonic()
    await asyncio.sleep(STALE_S / 2)  # what was broken off is noticed
    report.troubles += await calm(world)
    report.calm_s = time.monotonic() - healed
    served = frozenset(world.served)
    try:
        await settle(everybody)
        evidence = await gather(world, everybody, served)
    except Unsettled as trouble:
        report.troubles.append(str(trouble))
    else:
        report.tally = evidence.figures()
        report.troubles += evidence.troubles()
    node = next(iter(world.nodes.values()))
    status, output = await node.verify()
    report.verified.append(f"exit status {status}")
    if status:
        report.troubles.append(f"routstr verify: {output}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
