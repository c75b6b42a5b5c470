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
from tests.chaos import tally
from tests.chaos.clients import FACE_SAT, SAT, Caller, KeyClient, TokenClient, Unsettled
from tests.chaos.faults import Faults, quiet
from tests.chaos.report import Report
from tests.chaos.world import STALE_S, World
from tests.crash.report import say

_KEYS, _SINGLES = 3, 1  # clients of each mint
_TOPUPS, _TOKENS = 3, 16
_FUNDS_SAT = 40
_QUIET_S = 90.0


def main(arguments: list[str]) -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--seconds", type=float, default=60, help="of faults")
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
        faults = Faults(world, Random(chance.random()))
        keys, singles = await _clients(world, chance, seen)
        until = time.monotonic() + seconds
        clients: list[KeyClient | TokenClient] = [*keys, *singles]
        await asyncio.gather(faults.run(seconds), *(one.run(until) for one in clients))
        await faults.heal()
        for upstream in world.upstreams.values():
            quiet(upstream)
        report = Report(seed, faults.log, faults.counts, seen)
        healed = time.monotonic()
        report.troubles += await _calm(world)
        report.calm_s = time.monotonic() - healed
        try:
            for client in clients:
                await client.settle()
            await _compare(world, keys, singles, report)
        except Unsettled as trouble:
            report.troubles.append(str(trouble))
        for node in world.nodes.values():
            status, output = await node.verify()
            report.verified.append(f"beside {node.name}, exit status {status}")
            if status:
                report.troubles.append(f"routstr verify: {output}")
        report.seconds = time.monotonic() - began
    return report


async def _clients(
    world: World, chance: Random, seen: Counter[str]
) -> tuple[list[KeyClient], list[TokenClient]]:
    keys, singles = list[KeyClient](), list[TokenClient]()
    for mint, payer in world.payers.items():
        for number in range(_KEYS):
            tokens = [await payer.token(_FUNDS_SAT) for _ in range(1 + _TOPUPS)]
            caller = Caller(world, Random(chance.random()), seen)
            keys.append(KeyClient(f"key {number} of {mint}", caller, payer, tokens))
            await keys[-1].create()
        for number in range(_SINGLES):
            caller = Caller(world, Random(chance.random()), seen)
            tokens = [await payer.token(FACE_SAT) for _ in range(_TOKENS)]
            singles.append(TokenClient(f"tokens {number} of {mint}", caller, payer, tokens))
    return keys, singles


async def _calm(world: World) -> list[str]:
    """Wait until no hold and no saga is open."""
    await asyncio.sleep(STALE_S / 2)
    deadline = time.monotonic() + _QUIET_S
    while (state := world.books.state()).open_holds or state.open_sagas:
        if time.monotonic() > deadline:
            open_sagas = world.books.problems()
            return [f"{state.open_holds} holds and {state.open_sagas} sagas open: {open_sagas}"]
        await asyncio.sleep(0.5)
    return []


async def _compare(
    world: World, keys: list[KeyClient], singles: list[TokenClient], report: Report
) -> None:
    served = world.served
    books = [await client.book() for client in keys]
    paid = [single for client in singles for single in client.singles]
    for book in books:
        report.troubles += tally.of_key(book, served)
    for single in paid:
        report.troubles += tally.of_single(single, served)
    report.troubles += await _calm(world)
    state = world.books.state()
    paid_in = sum(book.paid_in for book in books) + sum(single.face for single in paid)
    returned = sum(book.returned for book in books) + sum(single.returned for single in paid)
    report.troubles += tally.totals(paid_in, returned, state.posted, state.own)
    outstanding = sum(world.outstanding(mint) for mint in world.mints)
    purses = sum(payer.balance() for payer in world.payers.values())
    node = world.books.unspent_sum()
    report.troubles += tally.at_mint("mints", outstanding, node, purses)
    asked = [one for book in books for one in book.asked] + [one.asked for one in paid]
    report.tally = {
        "requests": len(asked),
        "requests without an answer": sum(not one.request_id for one in asked),
        "answers that told a cost": sum(one.told is not None for one in asked),
        "requests that providers saw": len(served),
        "charges of keys": sum(len(book.charges) for book in books),
        "tokens that paid for one request": len(paid),
        "paid in, msat": paid_in,
        "given back, msat": returned,
        "owed, msat": state.posted,
        "earned, msat": state.own,
        "outstanding at the mints, msat": outstanding * SAT,
        "the node's ecash, msat": node * SAT,
        "the clients' ecash, msat": purses * SAT,
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
