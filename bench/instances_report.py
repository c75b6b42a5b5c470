"""What two instances do, as tables; and regions of a document that have names."""

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

ENOUGH: Final = 1.7
"""What a second instance has to bring where there are processors for it."""
PARTS: Final = ("first node", "second node", "PostgreSQL", "nginx", "provider", "load")


class NoRegion(ValueError):
    """The document has no place of that name."""


class Round(Struct, frozen=True):
    """One round: requests a second, latencies in ms, µs of processor per request of each part."""

    target: str
    rate: float
    p50_ms: float
    p99_ms: float
    cpu_us: dict[str, float]


class Pairs(Struct, frozen=True):
    """The database alone: hold and settle, as fast as so many writers can."""

    writers: int
    rate: float
    server_us: float
    """Processor time of PostgreSQL per pair, µs."""


class Found(Struct, frozen=True):
    """A whole run. ``waits`` are samples of what PostgreSQL's sessions were doing, by target."""

    circumstances: dict[str, str]
    rounds: list[Round]
    pairs: list[Pairs]
    waits: dict[str, dict[str, int]]
    trouble: str
    processors: int


def placed_at(text: str, name: str, part: str) -> str:
    """``text`` with ``part`` in its region of that name; raises NoRegion."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, found, rest = text.partition(begin)
    _, ended, after = rest.partition(end)
    if not found or not ended:
        raise NoRegion(f"{begin} ... {end}")
    return f"{before}{begin}\n\n{part.strip()}\n\n{end}{after}"


def render(found: Found) -> str:
    """The tables as Markdown."""
    told = "; ".join(f"{name}: {value}" for name, value in found.circumstances.items())
    targets = list(dict.fromkeys(one.target for one in found.rounds))
    return "\n\n".join(
        [
            f"Measured by `python -m bench.instances`. {told}.",
            _speeds(found.rounds, targets),
            _costs(found.rounds, targets),
            _alone(found.pairs),
            _sessions(found.waits),
            f"Money afterwards: {found.trouble or 'exact'}.",
            verdict(found),
        ]
    )


def median(rounds: Sequence[Round], target: str, name: str) -> float:
    """Of a figure, or of a part's processor time, over the rounds of a target."""
    own = [one for one in rounds if one.target == target]
    if name in PARTS:
        return statistics.median(one.cpu_us.get(name, 0.0) for one in own)
    return statistics.median(float(getattr(one, name)) for one in own)


def verdict(found: Found) -> str:
    """What a second instance brings here, and what the figures allow elsewhere."""
    rounds = found.rounds
    one, two = (median(rounds, name, "rate") for name in (ONE, TWO))
    node = _node_us(rounds, ONE)
    server = max(median(rounds, TWO, "PostgreSQL"), 1.0)
    most = 1e6 / node
    pairs = {given.writers: given.rate for given in found.pairs}
    writer = max((given.server_us for given in found.pairs), default=server)
    allowed = min(2.0, pairs[2] / most) if 2 in pairs else 0.0
    lines = [
        (
            f"Two instances served {two / one:.2f} times what one did, on {found.processors} "
            "processors that all parts share, the load among them."
        ),
        (
            f"A request costs a node {node:.0f} µs: with a processor of its own an instance "
            f"serves at most {most:,.0f}/s. Two of them keep PostgreSQL busy for "
            f"{2 * most * server / 1e6:.2f} processors ({server:.0f} µs each request; alone, "
            f"{writer:.0f} µs each pair)."
        ),
    ]
    if allowed:
        word = "is not" if allowed >= ENOUGH else "is"
        lines.append(
            f"The database alone, with two writers here, does {pairs[2]:,.0f} pairs/s, and so lets "
            f"two instances serve {allowed:.2f} times what one can (wanted: {ENOUGH}): it {word} "
            "the limit."
        )
    return "\n".join(lines)


ONE: Final = "one instance behind nginx"
TWO: Final = "two instances behind nginx"
DIRECT: Final = "one instance, no nginx"


def _node_us(rounds: Sequence[Round], target: str) -> float:
    return max(1.0, median(rounds, target, PARTS[0]) + median(rounds, target, PARTS[1]))


def _speeds(rounds: Sequence[Round], targets: Sequence[str]) -> str:
    rows = [
        f"| {name} | {median(rounds, name, 'rate'):,.0f} | {median(rounds, name, 'p50_ms'):.1f} | "
        f"{median(rounds, name, 'p99_ms'):.1f} |"
        for name in targets
    ]
    return "\n".join(["| | requests/s | p50, ms | p99, ms |", "|---|---:|---:|---:|", *rows])


def _costs(rounds: Sequence[Round], targets: Sequence[str]) -> str:
    rows = [
        f"| {name} | " + " | ".join(f"{median(rounds, name, part):.0f}" for part in PARTS) + " |"
        for name in targets
    ]
    head = "| processor, µs per request | " + " | ".join(PARTS) + " |"
    return "\n".join([head, "|---|" + "---:|" * len(PARTS), *rows])


def _alone(pairs: Sequence[Pairs]) -> str:
    rows = [f"| {one.writers} | {one.rate:,.0f} | {one.server_us:.0f} |" for one in pairs]
    head = "| the database alone: writers | hold and settle, pairs/s | PostgreSQL, µs per pair |"
    return "\n".join([head, "|---:|---:|---:|", *rows])


def _sessions(waits: Mapping[str, Mapping[str, int]]) -> str:
    rows = []
    for name, seen in waits.items():
        total = max(1, sum(seen.values()))
        most = ", ".join(
            f"{what} {100 * n / total:.0f} %" for what, n in Counter(seen).most_common(5)
        )
        locks = sum(n for what, n in seen.items() if what.startswith("Lock"))
        rows.append(f"| {name} | {most or 'nothing'} | {100 * locks / total:.0f} % |")
    head = "| busy sessions of PostgreSQL | what they did when looked at | waiting for locks |"
    return "\n".join([head, "|---|---|---:|", *rows])
