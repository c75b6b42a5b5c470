"""The answers of ``/admin/api/usage``."""

from collections.abc import Mapping
from typing import Final

from routstr.admin.overview.schemas import (
    ErrorDetail,
    ErrorDetails,
    Metric,
    Metrics,
    Mix,
    ModelMix,
    RevenueByModel,
    Summary,
    earned,
    model_revenue,
    summary,
)
from routstr.admin.overview.statistics import Statistics, Window, by_start, largest, starts
from routstr.ledger.usage import DAY, HOUR, NOTHING, Figures

_MINUTE_MS: Final = 60_000
_DAY_MINUTES: Final = DAY // _MINUTE_MS


class Reports:
    """Puts figures into the words of the API."""

    def __init__(self, statistics: Statistics) -> None:
        self._statistics: Final = statistics

    async def summary(self, hours: int) -> Summary:
        """The last hours as a whole."""
        window = self._statistics.last(hours)
        models = await self._statistics.earned(window, ("model",))
        used = sum(1 for group in models.groups if group.model)
        return summary(await self._statistics.period(window), used)

    async def metrics(self, hours: int, interval: int) -> Metrics:
        """The last hours, by the hour or, from an interval of a day on, by the day."""
        window = self._window(hours, interval)
        figures = by_start(await self._statistics.earned(window, ("start",)))
        requests = await self._statistics.by_time(window)
        return Metrics(
            interval_minutes=window.span // _MINUTE_MS,
            hours=hours,
            metrics=[
                Metric(
                    **earned(figures.get(start, NOTHING)),
                    timestamp=start // 1_000,
                    total_requests=requests.get(start, (0, 0))[0],
                    failed_requests=requests.get(start, (0, 0))[1],
                )
                for start in starts(window)
            ],
        )

    async def by_model(self, hours: int, limit: int) -> RevenueByModel:
        """The models that brought most."""
        found = await self._statistics.earned(self._statistics.last(hours), ("model",))
        return RevenueByModel(
            models=[model_revenue(group, figures) for group, figures in largest(found, limit)],
            total_revenue_msats=int(found.total.revenue),
            total_models=len(found.groups),
        )

    async def errors(self, hours: int, limit: int) -> ErrorDetails:
        """The errors, most frequent first."""
        found = await self._statistics.failures(self._statistics.last(hours))
        return ErrorDetails(
            errors=[ErrorDetail.of(one) for one in found[:limit]],
            total_count=sum(one.count for one in found),
        )

    async def mix(self, hours: int, interval: int, limit: int) -> ModelMix:
        """Which models were used when."""
        window = self._window(hours, interval)
        whole = await self._statistics.earned(window, ("model",))
        top = [group.model for group, _ in largest(whole, limit) if group.model]
        found = await self._statistics.earned(window, ("start", "model"))
        used: dict[int, dict[str, Figures]] = {}
        for group, figures in found.groups.items():
            used.setdefault(group.start, {})[group.model] = figures
        mixes = [_mix(start, used.get(start, {}), top) for start in starts(window)]
        return ModelMix(top_models=top, metrics=mixes)

    def _window(self, hours: int, interval: int) -> Window:
        return self._statistics.last(hours, HOUR if interval < _DAY_MINUTES else DAY)


def _mix(start: int, used: Mapping[str, Figures], top: list[str]) -> Mix:
    shown = {name: used[name] for name in top if name in used}
    others = sum((figures for name, figures in used.items() if name not in shown), NOTHING)
    return Mix(
        timestamp=start // 1_000,
        model_counts={name: one.requests for name, one in shown.items()},
        model_revenue_msats={name: int(one.revenue) for name, one in shown.items()},
        model_tokens={name: _tokens(one) for name, one in shown.items()},
        others_count=others.requests,
        others_revenue_msats=int(others.revenue),
        others_tokens=_tokens(others),
    )


def _tokens(figures: Figures) -> int:
    return figures.prompt_tokens + figures.completion_tokens
