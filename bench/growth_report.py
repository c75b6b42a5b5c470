"""The tables of ``docs/growth.md``."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from bench.report import placed

HEAD: Final = "| {title} | the node's processor, µs per {unit} | time, ms | times the first |\n"
RULE: Final = "|---:|---:|---:|---:|\n"


class Step(NamedTuple):
    """What one costs: processor time in µs, and the median or least time in ms."""

    cpu_us: float
    ms: float


class Axis(NamedTuple):
    """One thing that grew. ``bound`` names how it may; ``holds``: it grew no faster."""

    title: str
    unit: str
    steps: Sequence[tuple[int, Step]]
    bound: str
    holds: bool


def into(document: Path, circumstances: Mapping[str, str], axes: Sequence[Axis]) -> None:
    """Put the tables between the marks of a document."""
    text = document.read_text(encoding="utf-8")
    document.write_text(placed(text, render(circumstances, axes)), encoding="utf-8")


def render(circumstances: Mapping[str, str], axes: Sequence[Axis]) -> str:
    """The tables as Markdown."""
    told = "\n".join(f"- {name}: {value}" for name, value in circumstances.items())
    return "\n".join([told, *(_table(axis) for axis in axes)])


def _table(axis: Axis) -> str:
    first = axis.steps[0][1].cpu_us
    rows = "".join(
        f"| {point:,} | {step.cpu_us:,.0f} | {_time(step.ms)} | {step.cpu_us / first:.2f} |\n"
        for point, step in axis.steps
    )
    verdict = "holds" if axis.holds else "does not hold"
    bound = f"\nAt most {axis.bound} growth: {verdict}.\n"
    return "\n" + HEAD.format(title=axis.title, unit=axis.unit) + RULE + rows + bound


def _time(ms: float) -> str:
    """Below zero the load tool has seen too few to tell."""
    return f"{ms:,.2f}" if ms >= 0 else ""
