"""What the settings make of repeated calls."""

import asyncio
from collections.abc import Callable
from typing import cast

from routstr.assembly.repeats import build_repeats, start_repeats
from routstr.core.clock import ManualClock
from routstr.core.db import Database
from routstr.core.settings import Settings
from routstr.core.tasks import Supervisor
from routstr.payment.idempotency.answers import Kept
from routstr.payment.idempotency.repository import Begun
from tests.unit.payment.idempotency.memory import NODE, Memory


async def test_answers_are_kept_as_long_as_the_settings_say_and_then_deleted() -> None:
    memory, clock = Memory(), ManualClock()
    settings = Settings(idempotency_hours=2)

    async def knows(_authorization: str | None) -> bool:
        return True

    repetition, _ = build_repeats(settings, cast("Database", memory), NODE, clock, 1, knows)
    found = await repetition.repeats.begin(b"scope", b"request")
    assert isinstance(found, Begun)
    await repetition.repeats.keep(found, Kept())
    clock.advance(seconds=7_199)

    async def rows_after(step: Callable[[], None]) -> int:
        step()
        rested = asyncio.Event()

        async def rest(_seconds: float) -> None:
            rested.set()
            await asyncio.Event().wait()

        supervisor = Supervisor(clock, rest)
        start_repeats(repetition, supervisor)
        await rested.wait()
        await supervisor.stop(1)
        return len(await memory.rows())

    assert await rows_after(lambda: None) == 1
    assert await rows_after(lambda: clock.advance(seconds=1)) == 0
    memory.close()
