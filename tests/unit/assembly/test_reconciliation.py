"""Comparing is wired as often as the settings say."""

import asyncio
from dataclasses import dataclass, field

import pytest

from routstr.assembly.reconciliation import start_reconciliation
from routstr.core.clock import ManualClock
from routstr.core.settings import Settings
from routstr.core.tasks import Supervisor


@dataclass
class Played:
    """Takes notes of its runs."""

    runs: list[float] = field(default_factory=list)

    async def run(self, interval_s: float) -> None:
        self.runs.append(interval_s)


@pytest.mark.parametrize(("interval", "pause"), [(0, 60), (300, 60), (60, 60), (5, 5)])
async def test_it_runs_as_often_as_doubts_need_and_the_settings_say(
    interval: float, pause: float
) -> None:
    played, pauses, resting = Played(), list[float](), asyncio.Event()

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        resting.set()
        await asyncio.Event().wait()

    supervisor = Supervisor(ManualClock(), sleep)
    settings = Settings(reconcile_interval_seconds=interval)
    start_reconciliation(played, settings, supervisor)  # type: ignore[arg-type]
    await resting.wait()
    await supervisor.stop(1)
    assert played.runs == [interval]
    assert pause * 0.9 <= pauses[0] <= pause * 1.1
