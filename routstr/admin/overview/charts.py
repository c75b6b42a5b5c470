"""What the charts of the overview show: a day by the hour, a month by the day, a year by months."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from routstr.admin.overview.statistics import Statistics, Window, by_start, largest, starts
from routstr.ledger.usage import NOTHING, Dimension, Figures, Group, Usage

STEPS: Final[Mapping[str, int]] = {"hour": 24, "day": 24 * 30, "month": 24 * 365}
"""How many hours are shown in each step."""
SHOWN_MAX: Final = 5
"""Models or providers with a line of their own."""
_MSAT_PER_SAT: Final = 1_000

Place = Callable[[int], int]


class Series(Struct, frozen=True):
    """One line or row of bars."""

    name: str
    values: list[float]
    kind: str = "line"


class Chart(Struct, frozen=True):
    """As ``charts.js`` takes it; times in ms since 1970."""

    times: list[int]
    series: list[Series]
    unit: str


class Charts:
    """Makes charts. ``step`` is a name of :data:`STEPS`, ``names`` are the words of a language."""

    def __init__(self, statistics: Statistics) -> None:
        self._statistics: Final = statistics

    def window(self, step: str) -> Window:
        """The time that is shown."""
        return self._statistics.last(STEPS[step])

    async def earnings(self, step: str, names: Sequence[str]) -> Chart:
        """Revenue and cost."""
        window = self.window(step)
        figures = by_start(await self._statistics.earned(window, ("start",)))
        times, place = _axis(window, step)
        revenue = _added(times, ((place(at), int(one.revenue)) for at, one in figures.items()))
        cost = _added(times, ((place(at), one.own_cost) for at, one in figures.items()))
        return Chart(
            times, [Series(names[0], _sats(revenue), "bars"), Series(names[1], _sats(cost))], "sat"
        )

    async def requests(self, step: str, names: Sequence[str]) -> Chart:
        """Requests, and those that failed."""
        window = self.window(step)
        seen = await self._statistics.by_time(window)
        times, place = _axis(window, step)
        every = _added(times, ((place(at), total) for at, (total, _) in seen.items()))
        failed = _added(times, ((place(at), bad) for at, (_, bad) in seen.items()))
        return Chart(
            times,
            [Series(names[0], list(every), "bars"), Series(names[1], list(failed))],
            "",
        )

    async def by(self, dimension: Dimension, step: str, others: str) -> Chart:
        """Revenue by model or by provider: the largest, and ``others``."""
        window = self.window(step)
        times, _ = _axis(window, step)
        found = await self._revenues(dimension, window, step)
        points: dict[str, list[tuple[int, int]]] = {
            shown: [] for shown in (*_largest_names(found), others)
        }
        for start, name, revenue in found:
            points[name if name in points else others].append((start, revenue))
        series = [Series(shown, _sats(_added(times, its))) for shown, its in points.items() if its]
        return Chart(times if series else [], series, "sat")

    async def _revenues(
        self, dimension: Dimension, window: Window, step: str
    ) -> list[tuple[int, str, int]]:
        """Point of time, name, revenue. Days are added up to months where they lie."""
        if step != "month":
            found = await self._statistics.earned(window, ("start", dimension))
            return [(group.start, *_revenue(group, one)) for group, one in found.groups.items()]
        added = []
        for month, part in _months(window):
            found = await self._statistics.earned(part, (dimension,))
            added += [(month, *_revenue(group, one)) for group, one in found.groups.items()]
        return added


def table(found: Usage, count: int) -> list[tuple[str, Figures]]:
    """The models or providers that brought most, for people."""
    return [
        (_name(group), figures) for group, figures in largest(found, count) if figures != NOTHING
    ]


def _revenue(group: Group, figures: Figures) -> tuple[str, int]:
    return _name(group), int(figures.revenue)


def _largest_names(found: Iterable[tuple[int, str, int]]) -> list[str]:
    sums: dict[str, int] = {}
    for _, name, revenue in found:
        sums[name] = sums.get(name, 0) + revenue
    return sorted(filter(None, sums), key=lambda name: (-sums[name], name))[:SHOWN_MAX]


def _name(group: Group) -> str:
    return group.model or group.provider


def _axis(window: Window, step: str) -> tuple[list[int], Place]:
    """The points of time, and which one a span belongs to."""
    if step != "month":
        return starts(window), lambda at: at
    months = {at: _month(at) for at in starts(window)}
    return list(dict.fromkeys(months.values())), lambda at: months.get(at, at)


def _months(window: Window) -> list[tuple[int, Window]]:
    """The months of a window of days, the first and the last as far as they are in it."""
    days: dict[int, list[int]] = {}
    for at in starts(window):
        days.setdefault(_month(at), []).append(at)
    return [
        (month, Window(its[0], its[-1] + window.span, window.span)) for month, its in days.items()
    ]


def _month(at: int) -> int:
    moment = datetime.fromtimestamp(at / 1_000, UTC)
    return int(datetime(moment.year, moment.month, 1, tzinfo=UTC).timestamp()) * 1_000


def _added(times: Sequence[int], points: Iterable[tuple[int, int]]) -> list[int]:
    sums = dict.fromkeys(times, 0)
    for at, value in points:
        sums[at] = sums.get(at, 0) + value
    return [sums[at] for at in times]


def _sats(amounts: Iterable[int]) -> list[float]:
    return [amount / _MSAT_PER_SAT for amount in amounts]
