"""What a run has to reach: ratios of medians, each with its bound and whether it was met."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from bench.ecash import FITTING, SWAPPED, SWAPS
from bench.ecash import SCENARIO as ECASH
from bench.figures import CPU, P50, P99, RATE, Results
from bench.money import Verdict
from bench.scenarios import CROWD, PACED
from bench.starting import FIRST_PAID
from bench.starting import SCENARIO as START
from bench.targets import LITELLM, NODE, NODE_POSTGRES, PORTKEY, RELAY

MEMORY: Final = "memory"
MEMORY_MB: Final = "mb"
END_MB: Final = "end_mb"
PAID: Final = "requests"
PAID_REQUESTS: Final = 200_000
STALL_MS: Final = 1_000
"""A stream that is silent for longer, while its provider speaks every 100 ms, stalls."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One line of the list: ``found`` is None where something was not measured."""

    text: str
    bound: float
    found: float | None
    at_least: bool = True

    @property
    def verdict(self) -> str:
        if self.found is None:
            return "not measured"
        met = self.found >= self.bound if self.at_least else self.found <= self.bound
        return "ok" if met else "missed"


def quotient(part: float | None, whole: float | None) -> float | None:
    """A ratio, or None where one side was not measured."""
    return None if part is None or not whole else part / whole


def difference(more: float | None, less: float | None) -> float | None:
    """What is above, or None where one side was not measured."""
    return None if more is None or less is None else more - less


def bars(results: Results, verdicts: Iterable[Verdict]) -> list[Bar]:
    """All of them, in the order in which they are reported."""
    return [
        *_json(results),
        *_streams(results),
        *_ecash(results),
        *_node(results),
        _money(list(verdicts)),
    ]


def _of(results: Results, scenario: str) -> Callable[[str, str, str], float | None]:
    def ratio(part: str, whole: str, name: str) -> float | None:
        ours, others = (results.median(scenario, one, name) for one in (part, whole))
        return quotient(ours, others)

    return ratio


def _json(results: Results) -> Iterator[Bar]:
    for count, least in ((16, 0.40), (64, 0.55)):
        ratio = _of(results, f"json-{count}")
        at = f"{count} connections"
        yield Bar(f"paid JSON path / bare relay, {at}, SQLite", least, ratio(NODE, RELAY, RATE))
        yield Bar(f"the same with PostgreSQL, {at}", 0.35, ratio(NODE_POSTGRES, RELAY, RATE))
        worst = ratio(NODE, RELAY, P99)
        yield Bar(f"p99 / bare relay's, {at}", 3, worst, at_least=False)
    ratio = _of(results, "json-16")
    yield Bar("requests/s / LiteLLM's, 16 connections", 80, ratio(NODE, LITELLM, RATE))
    yield Bar("requests/s / Portkey's, 16 connections", 3, ratio(NODE, PORTKEY, RATE))
    for name, most in ((P50, 0.6), (P99, 3.0)):
        ours, relay = (results.median("json-1", one, name) for one in (NODE, RELAY))
        text = f"added {name.partition('_')[0]} over the bare relay, 1 connection, ms"
        yield Bar(text, most, difference(ours, relay), at_least=False)


def _streams(results: Results) -> Iterator[Bar]:
    ratio = _of(results, PACED.name)
    yield Bar("100 paced streams: events/s / bare relay", 0.99, ratio(NODE, RELAY, RATE))
    yield Bar("CPU per event / bare relay", 1.5, ratio(NODE, RELAY, CPU), at_least=False)
    yield Bar("p99 delay of an event / bare relay", 2, ratio(NODE, RELAY, P99), at_least=False)
    silences = results.rounds(CROWD.name, NODE, "gap_max_ms")
    never = sum(results.rounds(CROWD.name, NODE, "silent"))
    longest = max(silences) if silences and not never else None
    text = "1,000 streams: longest silence of any, in any round, ms"
    yield Bar(text, STALL_MS, STALL_MS * 10.0 if never else longest, at_least=False)


def _ecash(results: Results) -> Iterator[Bar]:
    ratio = _of(results, ECASH)
    yield Bar("X-Cashu, 8 at a time, change from held proofs / bare swaps", 0.70,
              ratio(FITTING, SWAPS, RATE))  # fmt: skip
    yield Bar("the same, change by a swap", 0.45, ratio(SWAPPED, SWAPS, RATE))


def _node(results: Results) -> Iterator[Bar]:
    paid = results.median(MEMORY, NODE, PAID) or 0
    memory = results.median(MEMORY, NODE, MEMORY_MB) if paid >= PAID_REQUESTS else None
    yield Bar("resident memory after 200,000 requests, MB", 150, memory, at_least=False)
    started = results.median(START, NODE, FIRST_PAID)
    yield Bar("cold start to the first paid answer, s", 2, started, at_least=False)


def _money(verdicts: list[Verdict]) -> Bar:
    wrong = float(sum(bool(one.trouble) for one in verdicts))
    return Bar("nodes whose money is not exact", 0, wrong if verdicts else None, at_least=False)
