"""Runs the load tools and reads what they say."""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from bench.figures import CPU, P50, P99, RATE
from bench.targets import Target
from bench.usage import cpu_seconds

SUMMED: Final = "total_msats"
"""The field of an answer that tells what it cost."""
GRACE_S: Final = 30.0
_RESULT: Final = "RESULT "


class LoadFailed(Exception):
    """A load tool met errors, or answers that it should not get.

    ``summed`` is what the right ones among them say they cost, msat.
    """

    def __init__(self, reason: str, *, summed: int = 0) -> None:
        super().__init__(reason)
        self.summed = summed


@dataclass(frozen=True, slots=True)
class Call:
    """One kind of request, and the answer that is right."""

    body: str = ""
    method: str = "POST"
    path: str = "/v1/chat/completions"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def told_to(self, target: Target) -> list[str]:
        """The headers as the tools take them; the target's own win."""
        both = {**self.headers, **target.headers}
        return [f"{name}: {value}" for name, value in both.items()]


@dataclass(frozen=True, slots=True)
class Load:
    """What a run of ``httpload`` did. ``all`` counts the late answers, too; ``summed`` is msat."""

    figures: Mapping[str, float]
    all: int
    summed: int


def parse(output: str) -> dict[str, float]:
    """The figures in a tool's output; raises LoadFailed when there are none."""
    for line in output.splitlines():
        if line.startswith(_RESULT):
            return msgspec.json.decode(line.removeprefix(_RESULT), type=dict[str, float])
    raise LoadFailed(f"the load tool said nothing: {output.strip()[-300:]!r}")


def check(target: str, raw: Mapping[str, float], *faults: str, words: str = "") -> None:
    """Raise LoadFailed when one of these counts is not zero; ``words`` are the tool's."""
    met = {name: int(raw[name]) for name in faults if raw[name]}
    if met:
        summed = int(raw.get("summed", 0))
        raise LoadFailed(f"{target}: {met} {words.strip()[-600:]}".strip(), summed=summed)


def http(tool: Path, target: Target, call: Call, connections: int, seconds: float) -> Load:
    """Load a target with short requests; raises LoadFailed when any answer was another."""
    command: list[str | Path] = [
        tool, str(target.port), str(connections), str(seconds), call.method, call.path, call.body,
        str(call.status), SUMMED, *call.told_to(target),
    ]  # fmt: skip
    raw, cpu_s, words = _run(command, target, seconds)
    check(target.name, raw, "bad_status", "errors", "unanswered", words=words)
    figures = {
        RATE: raw["rate"],
        P50: raw["p50_ms"],
        P99: raw["p99_ms"],
        "max_ms": raw["max_ms"],
        CPU: cpu_s / max(raw["all"], 1) * 1e6,
    }
    return Load(figures, int(raw["all"]), int(raw["summed"]))


def streams(
    tool: Path, target: Target, call: Call, connections: int, seconds: float
) -> dict[str, float]:
    """Keep streams open at a target; ``rate`` and ``cpu_us`` are of events.

    Streams that the end of the window cuts are as a client that goes away.
    """
    command: list[str | Path] = [
        tool, str(target.port), str(connections), str(seconds), call.path, call.body,
        *call.told_to(target),
    ]  # fmt: skip
    raw, cpu_s, words = _run(command, target, seconds)
    check(target.name, raw, "bad_status", "errors", "no_done", words=words)
    return {
        RATE: raw["events_s"],
        P50: raw["ev_p50_ms"],
        P99: raw["ev_p99_ms"],
        "first_p50_ms": raw["ttft_p50_ms"],
        "first_p99_ms": raw["ttft_p99_ms"],
        "gap_max_ms": raw["gap_max_ms"],
        "silent": raw["silent"],
        "finished": raw["streams"],
        CPU: cpu_s / max(raw["events"], 1) * 1e6,
    }


def _run(
    command: Sequence[str | Path], target: Target, seconds: float
) -> tuple[dict[str, float], float, str]:
    """What the tool counted, the target's processor time, s, and the first wrong answer."""
    before = cpu_seconds(target.pids)
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=seconds + GRACE_S
        )
    except subprocess.TimeoutExpired:
        raise LoadFailed(f"{target.name}: the load tool did not end") from None
    cpu_s = cpu_seconds(target.pids) - before
    return parse(done.stdout or done.stderr), cpu_s, done.stderr
