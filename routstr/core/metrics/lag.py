"""How late the event loop is: whatever keeps it busy delays every request."""

import asyncio
from collections.abc import Callable
from typing import Final, NoReturn

from routstr.core.clock import Clock

LOOK_SECONDS: Final = 0.5


async def watch_lag(
    clock: Clock, late: Callable[[float], None], *, look_seconds: float = LOOK_SECONDS
) -> NoReturn:
    """Tell by how many seconds a timer came too late, again and again until it is cancelled."""
    while True:
        due = clock.monotonic() + look_seconds
        await asyncio.sleep(look_seconds)
        late(max(0.0, clock.monotonic() - due))
