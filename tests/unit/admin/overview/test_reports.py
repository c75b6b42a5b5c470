from pathlib import Path

from routstr.admin.overview.reports import Reports
from tests.unit.admin.overview.shop import shop


async def test_every_report_adds_up_to_the_same(tmp_path: Path) -> None:
    async with shop(tmp_path) as at:
        await at.traffic.flush()
        reports = Reports(at.statistics)
        summary = await reports.summary(48)
        assert (summary.revenue_msats, summary.revenue_sats, summary.cost_msats) == (1_630, 1, 815)
        assert (summary.unique_models_count, summary.total_tokens) == (2, 45)
        assert (summary.total_requests, summary.success_rate) == (4, 75.0)
        for interval, count in ((60, 48), (1_440, 2)):
            metrics = (await reports.metrics(48, interval)).metrics
            assert len(metrics) == count
            assert sum(one.revenue_msats for one in metrics) == summary.revenue_msats
            assert sum(one.total_requests for one in metrics) == summary.total_requests
            mix = await reports.mix(48, interval, 1)
            assert mix.top_models == ["old"]
            shown = sum(sum(one.model_revenue_msats.values()) for one in mix.metrics)
            others = sum(one.others_revenue_msats for one in mix.metrics)
            assert (shown, others) == (1_030, 600)
        models = await reports.by_model(48, 1)
        assert (models.total_models, models.total_revenue_msats) == (2, 1_630)
        assert [(one.model, one.requests) for one in models.models] == [("old", 2)]
        errors = await reports.errors(48, 0)
        assert (errors.errors, errors.total_count) == ([], 1)
