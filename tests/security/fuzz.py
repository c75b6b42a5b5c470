"""``python -m tests.security.fuzz [--minutes 30] [--seed N] [--only NAME]``: ``make fuzz``.

Feeds each parser almost-right inputs for its minutes, two parsers at a time, and tells of each how
many. An input that a parser does not bear is printed with its number; ``--seed N --only NAME --at
NUMBER`` reads it again. Exits with 1 then.
"""

import argparse
import random
import sys
import traceback
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from time import monotonic
from typing import Final

from tests.security.fuzz_targets import targets
from tests.security.fuzzing import once

PROCESSES: Final = 2
BATCH: Final = 100


def run(name: str, minutes: float, seed: int) -> tuple[str, int, str]:
    """One parser, for its time: its name, how many inputs, and what went wrong."""
    target, until, number = targets()[name], monotonic() + minutes * 60, 0
    while monotonic() < until:
        for _ in range(BATCH):
            try:
                once(target, number, seed)
            except Exception:  # noqa: BLE001 - this is what is looked for
                return name, number, traceback.format_exc()
            number += 1
    return name, number, ""


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(arguments: Sequence[str]) -> int:
    """Exit status."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--only", choices=sorted(targets()), default=None)
    parser.add_argument("--at", type=int, default=None)
    asked = parser.parse_args(arguments)
    seed = random.SystemRandom().randrange(2**32) if asked.seed is None else asked.seed
    names = [asked.only] if asked.only else list(targets())
    if asked.at is not None:
        for name in names:
            once(targets()[name], asked.at, seed)
        return 0
    _say(f"seed {seed}, {len(names)} parsers, {asked.minutes:g} minutes each")
    failed = False
    with ProcessPoolExecutor(PROCESSES) as pool:
        for name, read, problem in pool.map(
            run, names, [asked.minutes] * len(names), [seed] * len(names)
        ):
            failed |= bool(problem)
            _say(f"{'FAILED' if problem else 'ok':6} {name:32} {read:>10,} inputs")
            if problem:
                _say(problem)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
