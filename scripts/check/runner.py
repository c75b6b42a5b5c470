"""Runs steps, side by side where that is safe, and ends them when somebody says so."""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from scripts.check.display import Display
from scripts.check.results import Counts, Result, Verdict
from scripts.check.steps import Step
from scripts.processes import POLL_S, Child, Interrupts

TESTS_GRACE_S: Final = 10.0
"""What tests get to end the servers that they started."""

CHECK_GRACE_S: Final = 0.5
_SHOWN_LINES: Final = 400
_TOTAL: Final = re.compile(r"^TOTAL .*?([\d.]+%)$", re.MULTILINE)


@dataclass(slots=True)
class Runner:
    """Runs steps in ``environment``; their output goes into files in ``folder``."""

    folder: Path
    environment: Mapping[str, str]
    display: Display
    interrupts: Interrupts
    results: list[Result] = field(default_factory=list)
    _running: dict[str, tuple[Step, Child]] = field(default_factory=dict)  # by lane

    def run(self, steps: Sequence[Step]) -> list[Result]:
        """Run all of them; raises Interrupted, with everything ended."""
        for stage in sorted({step.stage for step in steps}):
            waiting = [step for step in steps if step.stage == stage]
            try:
                while waiting or self._running:
                    waiting = self._start(waiting)
                    self._collect()
                    self.interrupts.check()
                    time.sleep(POLL_S)
            finally:
                self._stop()
        order = [step.name for step in steps]
        return sorted(self.results, key=lambda result: order.index(result.name))

    def _start(self, waiting: Sequence[Step]) -> list[Step]:
        """Start what has a free lane; returns the others."""
        later = []
        for step in waiting:
            if step.lane in self._running:
                later.append(step)
            elif (remedy := step.missing()) is not None:
                self._end(Result(step.name, Verdict.NOT_RUN, note=remedy), "")
            else:
                self.display.begin(step.name)
                log = self.folder / f"{step.name}.log"
                grace_s = TESTS_GRACE_S if step.report else CHECK_GRACE_S
                child = Child(
                    step.command, log, self.environment, limit_s=step.limit_s, grace_s=grace_s
                )
                self._running[step.lane] = (step, child)
        return later

    def _collect(self) -> None:
        self.display.tick([(step.name, child.seconds) for step, child in self._running.values()])
        for lane, (step, child) in list(self._running.items()):
            if child.poll() is not None:
                del self._running[lane]
                result = judge(step, child)
                output = "" if result.verdict is Verdict.PASSED else _output(child)
                self._end(result, output)

    def _end(self, result: Result, output: str) -> None:
        self.results.append(result)
        self.display.end(result, output)

    def _stop(self) -> None:
        for _, child in self._running.values():
            child.ask_to_end()
        for _, child in self._running.values():
            child.stop()
        self._running.clear()


def judge(step: Step, child: Child) -> Result:
    """What the end of a step means."""
    counts = Counts.read(step.report)
    verdict = Verdict.PASSED if child.status == 0 else Verdict.FAILED
    if child.timed_out:
        note = f"took longer than {step.limit_s:.0f} s: ended"
    elif step.report is not None:
        note = f"{counts.passed} passed, {counts.failed} failed, {counts.skipped} skipped"
    else:
        total = _TOTAL.search(child.log.read_text(errors="replace"))
        note = total[1] if total else ""
    is_tests = step.report is not None
    return Result(step.name, verdict, child.seconds, note, counts, is_tests=is_tests)


def _output(child: Child) -> str:
    lines = child.log.read_text(errors="replace").splitlines()
    cut = len(lines) - _SHOWN_LINES
    return "\n".join([f"... {cut} lines before", *lines[cut:]] if cut > 0 else lines)
