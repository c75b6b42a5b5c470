"""The counters in memory do what the library's own do, in bounded space."""

from limits import RateLimitItemPerMinute
from limits.aio.strategies import FixedWindowRateLimiter

from routstr.core.clock import ManualClock
from routstr.proxy.limits.memory import MemoryStorage

TWO = RateLimitItemPerMinute(2)


async def test_a_window_ends_a_minute_after_its_first_count() -> None:
    clock = ManualClock()
    windows = FixedWindowRateLimiter(MemoryStorage(clock))
    begun = clock.now_ms() / 1_000
    assert await windows.hit(TWO, "a")
    clock.advance(seconds=59)
    assert await windows.hit(TWO, "a")
    assert not await windows.hit(TWO, "a")
    assert await windows.get_window_stats(TWO, "a") == (begun + 60, 0)
    clock.advance(seconds=1)
    assert await windows.test(TWO, "a", cost=2)
    assert await windows.hit(TWO, "a", cost=2)
    assert await windows.hit(TWO, "b"), "everybody has a window of their own"


async def test_what_is_over_takes_no_space() -> None:
    clock = ManualClock()
    storage = MemoryStorage(clock)
    for number in range(100):
        await storage.incr(str(number), 60)
        clock.advance(seconds=1)
    assert len(storage._windows) == 60


async def test_there_are_never_more_than_so_many_counters() -> None:
    storage = MemoryStorage(ManualClock(), counters_max=10)
    for number in range(100):
        await storage.incr(str(number), 60)
    assert len(storage._windows) == 10
    assert await storage.incr("99", 60) == 2
    assert await storage.check()
    await storage.clear("99")
    assert await storage.get("99") == 0
    assert await storage.reset() == 9
