"""The benchmark of the paid path: ``make bench``, or ``python -m bench``.

Starts a fast provider, a bare relay, the node with SQLite and with PostgreSQL, and gateways of
others; loads them in turn; checks the money; and writes ``docs/benchmarks.md``. A run of some parts
only is told, not written. ``build/bench/run.json`` keeps every figure of the last run.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from bench import report, suite
from bench.report import Run
from bench.scenarios import Rounds
from bench.suite import PARTS, Plan
from bench.tooling import NoCompiler
from devkit.environment import ROOT

DOCUMENT: Final = ROOT / "docs" / "benchmarks.md"
KEPT: Final = ROOT / "build" / "bench" / "run.json"
SHORT: Final = {name.lower().rpartition(" ")[2]: name for name in suite.TARGETS}
"""The last word of each target's name."""


def plan_of(arguments: Sequence[str]) -> tuple[Plan, Path | None]:
    """What the command line asks for, and the run that is only to be told again."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4, help="of each round")
    parser.add_argument("--only", nargs="+", metavar="PART", default=[], help=", ".join(PARTS))
    parser.add_argument("--targets", nargs="+", choices=SHORT, default=[*SHORT])
    parser.add_argument("--requests", type=int, default=200_000, help="before memory is looked at")
    parser.add_argument("--again", type=Path, metavar="run.json", help="write its report anew")
    given = parser.parse_args(arguments)
    parts = [part for part in PARTS if not given.only or _wanted(part, given.only)]
    unknown = [word for word in given.only if not any(_wanted(part, [word]) for part in PARTS)]
    if unknown or given.rounds < 1 or given.seconds <= 0:
        parser.error(f"there are {', '.join(PARTS)}; rounds and seconds are above 0")
    names = [SHORT[name] for name in given.targets]
    plan = Plan(Rounds(given.rounds, given.seconds), parts, names, given.requests)
    return plan, given.again


def _wanted(part: str, words: Sequence[str]) -> bool:
    """Whether a part was named, or the first words of its name."""
    return any(f"{part}-".startswith(f"{word}-") for word in words)


def main() -> int:
    """Exit status: 1 when something failed or money is missing, whatever the speed."""
    plan, again = plan_of(sys.argv[1:])
    if again is not None:
        report.into(DOCUMENT, msgspec.json.decode(again.read_bytes(), type=Run))
        return 0
    began = time.monotonic()
    try:
        done = asyncio.run(suite.run(plan))
    except NoCompiler as missing:
        print(missing, file=sys.stderr)
        return 2
    KEPT.parent.mkdir(parents=True, exist_ok=True)
    KEPT.write_bytes(msgspec.json.encode(done))
    print("\n" + report.render(done, complete=plan.complete))
    print(f"{time.monotonic() - began:.0f} s")
    if plan.complete:
        report.into(DOCUMENT, done)
        print(f"written: {DOCUMENT.relative_to(ROOT)}")
    return int(bool(done.troubles) or any(verdict.trouble for verdict in done.verdicts))


if __name__ == "__main__":
    sys.exit(main())
