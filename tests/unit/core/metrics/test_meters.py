import pytest

from routstr.core.metrics.family import OTHER, counter, seconds
from routstr.core.metrics.meters import SERIES_MAX, Histogram, Meters

CALLS = counter("calls_total", "Calls.", "who")
TIME = seconds("time_seconds", "Time.", (0.001, 0.01), "who")


def test_a_set_of_labels_has_one_cell() -> None:
    meters = Meters()
    meters.cell(CALLS, "a")[0] += 1
    meters.cell(CALLS, "a")[0] += 1
    meters.cell(CALLS, "b")[0] += 1
    assert meters.cells == {("calls_total", ("a",)): [2], ("calls_total", ("b",)): [1]}


def test_a_histogram_counts_by_bucket_and_sums_up() -> None:
    meters = Meters()
    times = Histogram(meters, TIME, "a")
    for measured in (0.001, 0.0011, 0.5):
        times.add_seconds(measured)
    assert meters.cells["time_seconds", ("a",)] == [1, 1, 1, 502_100]


def test_labels_must_be_those_of_the_metric() -> None:
    with pytest.raises(AssertionError, match="calls_total has"):
        Meters().cell(CALLS, "a", "b")


def test_the_number_of_series_is_bounded() -> None:
    meters = Meters()
    for number in range(SERIES_MAX + 3):
        meters.cell(CALLS, str(number))[0] += 1
    assert meters.cells["calls_total", (OTHER,)] == [3]
    assert len(meters.cells) == SERIES_MAX + 1
    meters.cell(TIME, "a")  # each metric has its own bound
    assert ("time_seconds", ("a",)) in meters.cells
