from pathlib import Path

import pytest

from routstr.admin.overview.charts import STEPS, Charts, table
from tests.unit.admin.overview.shop import shop


@pytest.mark.parametrize("step", STEPS)
async def test_a_chart_shows_all_of_its_time(tmp_path: Path, step: str) -> None:
    async with shop(tmp_path) as at:
        await at.traffic.flush()
        charts = Charts(at.statistics)
        seen = 630 if step == "hour" else 1_630
        earned = await charts.earnings(step, ("revenue", "cost"))
        assert sum(earned.series[0].values) == pytest.approx(seen / 1_000)
        assert sum(earned.series[1].values) == pytest.approx(seen / 2_000)
        requests = await charts.requests(step, ("requests", "failed"))
        assert sum(requests.series[0].values) == (3 if step == "hour" else 4)
        assert requests.times == earned.times == sorted(set(earned.times))
        models = await charts.by("model", step, "others")
        assert {one.name for one in models.series} == {"old", "new"}
        assert all(len(one.values) == len(models.times) for one in models.series)
        assert sum(sum(one.values) for one in models.series) == pytest.approx(seen / 1_000)


async def test_beyond_the_largest_all_are_others(tmp_path: Path) -> None:
    async with shop(tmp_path) as at:
        for number in range(6):
            await at.sell(f"m{number}", "p", 100 + number)
        chart = await Charts(at.statistics).by("model", "hour", "others")
        assert [one.name for one in chart.series][-1] == "others"
        assert len(chart.series) == 6
        found = await at.statistics.earned(at.statistics.last(24), ("model",))
        assert [name for name, _ in table(found, 2)] == ["new", "m5"]
