import asyncio
import time

from routstr.core.clock import SystemClock
from routstr.core.metrics import lag


async def test_a_busy_loop_is_late() -> None:
    told: asyncio.Queue[float] = asyncio.Queue()
    task = asyncio.create_task(lag.watch_lag(SystemClock(), told.put_nowait, look_seconds=0.01))
    await asyncio.sleep(0)
    time.sleep(0.05)  # noqa: ASYNC251 - that is the trouble
    late = await told.get()
    task.cancel()
    assert 0.03 <= late < 1
