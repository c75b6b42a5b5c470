"""``python -m tests.fuzz.money --ops 10000 --seed 7``: money moves at random, and none may be lost.

Two nodes on one database serve users at random, with mints and a database that let them down and
processes that die; a model says what every answer must be and what the books must say. A run is cut
into episodes, each with a database of its own; ``--episode`` runs one of them again. Exit status 0
only when not one promise was broken.
"""

import argparse
import os
import secrets
import sys
from typing import Final

from devkit.processes import ServiceFailed
from tests.fuzz.places import POSTGRES, SQLITE
from tests.fuzz.report import Progress, Tally, say, tell
from tests.fuzz.shares import Share, in_processes, work

EPISODE_OPERATIONS: Final = (250, 750, 2_000)
"""By turns: in a short one the wallet stays poor, and every refund needs its mint."""


def main(arguments: list[str]) -> int:
    """The exit status."""
    options = _options(arguments)
    say(f"seed {options.seed}, {options.ops} operations on each of: {', '.join(options.db)}")
    progress = Progress(options.ops)
    try:
        tallies = _run(options, progress)
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    except ServiceFailed as failure:
        say(str(failure))
        return 1
    tell(tallies, progress.seconds)
    broken = [story for tally in tallies for story in tally.broken]
    for story in broken:
        say(f"\n{story}")
    return 1 if broken else 0


def _run(options: argparse.Namespace, progress: Progress) -> list[Tally]:
    """All databases, together or one after the other."""
    each = max(1, options.jobs // len(options.db))
    shares = [share for name in options.db for share in _shares(name, options, each)]
    if len(shares) > 1 and options.jobs > 1:
        done = in_processes(shares, progress.tell)
    else:
        done = [work(share, progress.tell, lambda: False) for share in shares]
    return [_sum(name, done) for name in options.db]


def _shares(name: str, options: argparse.Namespace, count: int) -> list[Share]:
    """Cut a run into episodes, and deal them out."""
    episodes: list[tuple[int, int]] = []
    left = options.ops
    while left > 0:
        number = len(episodes)
        size = min(left, EPISODE_OPERATIONS[number % len(EPISODE_OPERATIONS)])
        episodes.append((number, size))
        left -= size
    if options.episode is not None:
        episodes = [one for one in episodes if one[0] == options.episode]
    episodes = [one for one in episodes if one[0] >= options.since]
    dealt = (tuple(episodes[first::count]) for first in range(count))
    return [Share(name, options.seed, some) for some in dealt if some]


def _sum(name: str, done: list[Tally]) -> Tally:
    tally = Tally(name)
    for one in done:
        if one.place == name:
            tally.add(one)
    return tally


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.money", description=__doc__)
    parser.add_argument("--ops", type=int, default=10_000, help="operations on each database")
    parser.add_argument("--seed", type=int, default=None, help="a run with the same is the same")
    parser.add_argument("--db", choices=(SQLITE, POSTGRES), default=None, help="only this one")
    parser.add_argument("--episode", type=int, default=None, help="only this one, as it was told")
    parser.add_argument("--since", type=int, default=0, help="this episode and all after it")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    options = parser.parse_args(arguments)
    options.seed = secrets.randbelow(1_000_000) if options.seed is None else options.seed
    options.db = [options.db] if options.db else [SQLITE, POSTGRES]
    return options


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
