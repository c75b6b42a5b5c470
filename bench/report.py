"""Writes ``docs/benchmarks.md``: the part between two marks is the run's, the rest stays."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from bench import ecash, scenarios, starting
from bench.figures import CPU, P50, P99, RATE, Results, Sample, Spread
from bench.money import Verdict
from bench.ratios import END_MB, MEMORY, MEMORY_MB, PAID, Bar, bars, quotient
from bench.targets import RELAY

BEGIN: Final = "<!-- measured: from here to the end mark written by `make bench` -->"
END: Final = "<!-- measured: end -->"


class Run(Struct, frozen=True):
    """Everything about a run; kept as JSON, so that a report can be written again."""

    machine: dict[str, str]
    peers: dict[str, str]
    missing: dict[str, str]
    troubles: list[str]
    """Rounds that failed, and so have no figures."""
    rounds: int
    seconds: float
    samples: list[Sample]
    verdicts: list[Verdict]


class NoMarks(Exception):
    """The document has no place for figures."""


def into(document: Path, run: Run) -> None:
    """Put the run's figures into a document; raises NoMarks."""
    text = document.read_text(encoding="utf-8")
    document.write_text(placed(text, render(run)), encoding="utf-8")


def placed(text: str, part: str) -> str:
    """``text`` with ``part`` between its marks; raises NoMarks."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise NoMarks(f"{BEGIN} ... {END}")
    return f"{before}{BEGIN}\n\n{part.strip()}\n\n{END}{after}"


def render(run: Run, *, complete: bool = True) -> str:
    """The run's figures as Markdown; bars that a part of a run cannot tell are left out."""
    results = Results(run.samples)
    found = [one for one in bars(results, run.verdicts) if complete or one.found is not None]
    return "\n\n".join([*_sections(run, results, found)]) + "\n"


def _sections(run: Run, results: Results, found: Iterable[Bar]) -> Iterator[str]:
    yield _circumstances(run)
    yield "## What has to be reached\n\n" + _bars(found)
    if run.troubles:
        lines = (" ".join(one.split()).replace("|", "/") for one in run.troubles)
        yield "## What failed\n\n" + "\n".join(f"- {line[:300]}" for line in lines)
    for scenario in scenarios.ALL:
        if results.targets(scenario.name):
            table = _streams if scenario.streamed else _answers
            yield f"## {scenario.title}\n\n" + table(results, scenario.name)
    if results.targets(ecash.SCENARIO):
        yield f"## {ecash.TITLE}\n\n" + _ecash(results)
    if results.targets(MEMORY):
        yield "## Memory\n\n" + _memory(results)
    if results.targets(starting.SCENARIO):
        yield "## Cold start\n\n" + _start(results)
    if run.verdicts:
        yield "## Money\n\n" + _money(run.verdicts)


def _circumstances(run: Run) -> str:
    rows = [*run.machine.items(), *run.peers.items()]
    rows += [(name, f"left out: {why}") for name, why in run.missing.items()]
    rows.append(("rounds", f"{run.rounds} of {run.seconds:g} s, all targets in turn"))
    return _table(["", ""], rows)


def _bars(found: Iterable[Bar]) -> str:
    rows = []
    for bar in found:
        sign = "≥" if bar.at_least else "≤"
        value = "" if bar.found is None else _short(bar.found)
        rows.append((bar.text, f"{sign} {bar.bound:g}", value, bar.verdict))
    return _table(["", "wanted", "found", ""], rows)


def _answers(results: Results, scenario: str) -> str:
    head = ["", "requests/s", "of bare relay", "p50, ms", "p99, ms", "added p50, p99, ms",
            "CPU, µs/request"]  # fmt: skip
    return _table(
        head, [_answers_row(results, scenario, one) for one in _by_rate(results, scenario)]
    )


def _answers_row(results: Results, scenario: str, target: str) -> Sequence[str]:
    return (
        target,
        _range(results.spread(scenario, target, RATE)),
        _of_relay(results, scenario, target),
        _range(results.spread(scenario, target, P50)),
        _range(results.spread(scenario, target, P99)),
        ", ".join(_added(results, scenario, target, name) for name in (P50, P99)).strip(", "),
        _range(results.spread(scenario, target, CPU)),
    )


def _streams(results: Results, scenario: str) -> str:
    head = ["", "events/s", "of bare relay", "delay p50, ms", "p99, ms", "first event p50, p99, ms",
            "longest silence, ms", "CPU, µs/event"]  # fmt: skip
    rows = []
    for target in _by_rate(results, scenario):
        spreads = {
            name: _range(results.spread(scenario, target, name))
            for name in (RATE, P50, P99, "gap_max_ms", CPU)
        }
        first = [results.median(scenario, target, f"first_{p}_ms") for p in ("p50", "p99")]
        rows.append((
            target, spreads[RATE], _of_relay(results, scenario, target), spreads[P50], spreads[P99],
            ", ".join(_short(one) for one in first if one is not None), spreads["gap_max_ms"],
            spreads[CPU],
        ))  # fmt: skip
    return _table(head, rows)


def _ecash(results: Results) -> str:
    rows = []
    for way in results.targets(ecash.SCENARIO):
        rate, swaps = (results.median(ecash.SCENARIO, one, RATE) for one in (way, ecash.SWAPS))
        part = quotient(rate, swaps)
        kept = results.median(ecash.SCENARIO, way, "fitting")
        rows.append((
            way,
            _range(results.spread(ecash.SCENARIO, way, RATE)),
            "" if part is None else f"{part:.2f}",
            _range(results.spread(ecash.SCENARIO, way, P50)),
            _range(results.spread(ecash.SCENARIO, way, P99)),
            "" if kept is None else f"{kept:.0%}",
        ))  # fmt: skip
    head = ["", "tokens/s", "of bare swaps", "p50, ms", "p99, ms", "change without a swap"]
    return _table(head, rows)


def _memory(results: Results) -> str:
    rows = []
    for target in results.targets(MEMORY):
        begun, now, end, paid = (
            results.median(MEMORY, target, name) or 0
            for name in ("start_mb", MEMORY_MB, END_MB, PAID)
        )
        counted = f"{paid:,.0f}" if paid else ""
        rows.append((target, _short(begun), counted, _short(now), _short(end)))
    head = ["", "at the start, MB", "paid requests", "after them, MB"]
    return _table([*head, "at the end, after 1,000 streams at once, MB"], rows)


def _start(results: Results) -> str:
    rows = [
        (text, _range(results.spread(starting.SCENARIO, target, name)))
        for target in results.targets(starting.SCENARIO)
        for text, name in (("first answer", starting.FIRST), ("paid", starting.FIRST_PAID))
    ]
    return _table(["", "s"], rows)


def _money(verdicts: Iterable[Verdict]) -> str:
    rows = [
        (one.target, f"{one.requests:,}", f"{one.paid_msat:,}", one.trouble or "exact")
        for one in verdicts
    ]
    return _table(["", "requests", "paid, msat", ""], rows)


def _by_rate(results: Results, scenario: str) -> list[str]:
    names = results.targets(scenario)
    return sorted(names, key=lambda one: -(results.median(scenario, one, RATE) or 0))


def _of_relay(results: Results, scenario: str, target: str) -> str:
    ours, relay = (results.median(scenario, one, RATE) for one in (target, RELAY))
    part = quotient(ours, relay)
    return "" if part is None else f"{part:.3f}"


def _added(results: Results, scenario: str, target: str, name: str) -> str:
    ours, relay = (results.median(scenario, one, name) for one in (target, RELAY))
    return "" if target == RELAY or ours is None or relay is None else f"{ours - relay:.2f}"


def _range(spread: Spread | None) -> str:
    if spread is None:
        return ""
    if spread.low == spread.high:
        return _short(spread.median)
    return f"{_short(spread.median)} ({_short(spread.low)}-{_short(spread.high)})"


def _short(value: float) -> str:
    """Three digits that matter, and never less than the whole number."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
