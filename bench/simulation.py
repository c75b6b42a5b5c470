"""What many instances would do, computed from what two did: ``python -m bench.simulation``.

Service times are those that ``make bench-instances`` has measured last on this machine; what it
cannot measure here (many processors, regions far apart, deaths) is simulated (:mod:`bench.queues`).
Writes its tables into ``docs/scaling.md``; the same inputs and seed give the same tables.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from math import ceil
from typing import Final

import msgspec

from bench.instances import DOCUMENT, KEPT
from bench.instances_report import ONE, PARTS, Found, median, placed_at
from bench.queues import World, most, simulate

COUNTS: Final = (1, 2, 4, 8, 16)
TRIPS_MS: Final = (0.1, 0.5, 2.0, 10.0, 70.0)
"""One machine room; zones of a city; a country; a continent; an ocean."""
PER_DAY: Final = (10**5, 10**6, 10**7, 10**8, 10**9)
PEAK: Final = 3
"""How much more the busiest second has than the mean one."""
LOADED: Final = 0.6
"""How busy an instance may be at the peak: two can die of five."""
STALE_S: Final = 60
_DAY_S: Final = 86_400
_COMMIT_S: Final = 0.001


def world_of(found: Found, commit_s: float, seed: int) -> World:
    """Service times as they were measured."""
    node_us = sum(median(found.rounds, ONE, part) for part in PARTS[:2])
    server_us = median(found.rounds, ONE, "PostgreSQL")
    return World(
        loop_s=max(node_us, 1) / 1e6, pair_s=max(server_us, 1) / 2e6, commit_s=commit_s, seed=seed
    )


def tables(world: World) -> str:
    """All of them, as Markdown."""
    told = (
        f"Inputs: {world.loop_s * 1e6:.0f} µs of an instance's processor and "
        f"{2 * world.pair_s * 1e6:.0f} µs of PostgreSQL's per request, {world.commit_s * 1e3:g} ms "
        f"per commit, answers after {world.provider_s:g} s on average, seed {world.seed}."
    )
    return "\n\n".join([told, _many(world), _far(world), _deaths(world), _capacity(world)])


def _table(head: str, rows: Sequence[Sequence[str]]) -> str:
    marks = "|".join("---:" for _ in head.split("|"))
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([f"| {head} |", f"|{marks}|", *lines])


def _many(world: World) -> str:
    rows = []
    first: dict[bool, float] = {}
    for count in COUNTS:
        row = [str(count)]
        for shared in (True, False):
            rate = most(replace(world, instances=count, shared=shared))
            row += [f"{rate:,.0f}", f"{rate / first.setdefault(shared, rate):.1f}"]
        rows.append(row)
    head = (
        "instances | requests/s, one account of the node for all | times one "
        "| an account for each | times one"
    )
    return f"The most with a slowest hundredth under 100 ms:\n\n{_table(head, rows)}"


def _far(world: World) -> str:
    rows = []
    for trip_ms in TRIPS_MS:
        far = replace(world, instances=2, shared=False, rtt_s=trip_ms / 1e3)
        outcome = simulate(replace(far, rate=0.5 / world.loop_s))
        shared = simulate(replace(far, rate=0.5 / world.loop_s, shared=True))
        times = [outcome.p50_s, outcome.p99_s, shared.p99_s]
        rows.append([f"{trip_ms:g}", *(f"{one * 1e3:,.1f}" for one in times)])
    head = (
        "to the database and back, ms | added p50, ms | p99, ms | p99 with one account for all, ms"
    )
    return f"Two instances at half of their most, further and further away:\n\n{_table(head, rows)}"


def _deaths(world: World) -> str:
    rows = []
    for count in COUNTS[1:]:
        busy = replace(
            world, instances=count, shared=False, rate=LOADED * count / world.loop_s,
            seconds=12.0, dies_at_s=4.0, away_s=3.0,
        )  # fmt: skip
        outcome = simulate(busy)
        share = 100 * outcome.lost / max(1, outcome.served + outcome.lost)
        held = outcome.lost
        rows.append([str(count), f"{held:,}", f"{share:.2f}", f"{outcome.p99_s * 1e3:,.0f}"])
    head = "instances | requests cut | % of 12 s | p99 of the others, ms"
    told = f"One of them dies, busy to {LOADED:.0%}, and is back after 3 s; what it held comes back"
    return f"{told} after {STALE_S} s:\n\n{_table(head, rows)}"


def _capacity(world: World) -> str:
    rows = []
    for per_day in PER_DAY:
        peak = PEAK * per_day / _DAY_S
        needed = max(1, ceil(peak * world.loop_s / LOADED))
        busy = peak * 2 * world.pair_s
        rows.append(
            [f"{per_day:,}", f"{peak:,.0f}", f"{needed}", f"{busy:.1f}",
             f"{per_day * 365 / 1e9:,.2f}"]
        )  # fmt: skip
    head = (
        "requests a day | at the peak, per s | instances | PostgreSQL, processors "
        "| transfers a year, 10^9"
    )
    return f"Capacity, with a peak of {PEAK} times the mean:\n\n{_table(head, rows)}"


def main() -> int:
    """Exit status 2: nothing was measured yet."""
    parser = argparse.ArgumentParser(prog="python -m bench.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--commit-ms", type=float, default=_COMMIT_S * 1e3)
    parser.add_argument("--node-us", type=float, help="instead of what was measured")
    parser.add_argument("--server-us", type=float, help="PostgreSQL's, per request")
    parser.add_argument("--small", action="store_true", help="write nothing")
    given = parser.parse_args()
    if given.node_us and given.server_us:
        world = World(
            loop_s=given.node_us / 1e6, pair_s=given.server_us / 2e6,
            commit_s=given.commit_ms / 1e3, seed=given.seed,
        )  # fmt: skip
    elif KEPT.exists():
        found = msgspec.json.decode(KEPT.read_bytes(), type=Found)
        world = world_of(found, given.commit_ms / 1e3, given.seed)
    else:
        print("measure first: make bench-instances", file=sys.stderr)
        return 2
    told = tables(world)
    print(told)
    if not given.small:
        DOCUMENT.write_text(placed_at(DOCUMENT.read_text(), "simulation", told))
    return 0


if __name__ == "__main__":
    sys.exit(main())
