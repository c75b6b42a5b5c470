from pathlib import Path

from routstr.admin.overview.statistics import Failure, by_start, largest, starts
from routstr.ledger.usage import DAY, HOUR
from tests.unit.admin.overview.shop import shop


async def test_today_is_what_was_stored_and_what_was_not(tmp_path: Path) -> None:
    async with shop(tmp_path) as at:
        for _ in range(2):
            today = await at.statistics.period(at.statistics.today())
            assert (today.figures.charged, today.figures.own_cost) == (630, 315)
            assert (today.requests.total, today.requests.failed) == (3, 1)
            assert today.requests.p50_ms is not None
            assert 80 < today.requests.p50_ms < 125
            assert today.whole
            await at.traffic.flush()


async def test_a_long_time_is_told_in_days_and_a_short_one_in_hours(tmp_path: Path) -> None:
    async with shop(tmp_path) as at:
        statistics = at.statistics
        short, long = statistics.last(48), statistics.last(24 * 30)
        assert (short.span, long.span, len(starts(short)), len(starts(long))) == (HOUR, DAY, 48, 30)
        assert statistics.last(24 * 30, HOUR).span == HOUR
        for window in (short, long):
            found = by_start(await statistics.earned(window, ("start",)))
            assert [one.charged for _, one in sorted(found.items())] == [1_000, 630]
        models = largest(await statistics.earned(long, ("model",)), 1)
        assert [(group.model, one.charged) for group, one in models] == [("old", 1_030)]


async def test_errors_and_requests_over_time(tmp_path: Path) -> None:
    async with shop(tmp_path) as at:
        window = at.statistics.last(48)
        failed = [Failure("/v1/x", 402, "insufficient_balance", 1)]
        assert await at.statistics.failures(window) == failed
        await at.traffic.flush()
        assert await at.statistics.failures(window) == failed
        assert sorted((await at.statistics.by_time(window)).values()) == [(1, 0), (3, 1)]
