from dataclasses import dataclass, field

import pytest

from routstr.core.access_log import AccessRecord
from routstr.core.traffic import BOUNDS_MS, BUCKETS, CountedLines, Measure, Traffic, quantile_ms


def record(status: int = 200, ms: float = 10, error: str | None = None) -> AccessRecord:
    return AccessRecord("r", "/v1/x", status, ms, error=error, first_byte_ms=ms / 2)


@dataclass
class Lines:
    written: list[AccessRecord] = field(default_factory=list)

    def write(self, record: AccessRecord) -> None:
        self.written.append(record)


def test_requests_are_counted_by_how_they_ended_and_still_written() -> None:
    traffic, lines = Traffic(), Lines()
    counted = CountedLines(lines, traffic)
    for one in (record(), record(), record(402, error="insufficient_balance")):
        counted.write(one)
    assert traffic.outcomes == {("/v1/x", 200, ""): 2, ("/v1/x", 402, "insufficient_balance"): 1}
    assert len(lines.written) == 3


def test_only_answers_have_a_time() -> None:
    traffic = Traffic()
    for one in (record(), record(500), record(499, ms=90_000)):
        traffic.count(one)
    assert sum(traffic.times[Measure.WHOLE]) == sum(traffic.times[Measure.FIRST_BYTE]) == 1
    unsent = AccessRecord("r", "/v1/x", 200, 10)
    traffic.count(unsent)
    assert sum(traffic.times[Measure.WHOLE]) == 2
    assert sum(traffic.times[Measure.FIRST_BYTE]) == 1


@pytest.mark.parametrize("ms", [0.2, 2, 7, 90, 1_234, 60_000])
def test_a_quantile_is_right_to_within_a_quarter(ms: float) -> None:
    traffic = Traffic()
    for _ in range(100):
        traffic.count(record(ms=ms))
    for share in (0.5, 0.95):
        told = quantile_ms(traffic.times[Measure.WHOLE], share)
        assert told is not None
        assert ms * 0.79 <= told <= max(ms * 1.26, 1)


def test_a_quantile_lies_between_the_fast_and_the_slow() -> None:
    buckets = [0] * BUCKETS
    assert quantile_ms(buckets, 0.5) is None
    buckets[3], buckets[30], buckets[-1] = 60, 38, 2
    half, most, last = (quantile_ms(buckets, share) for share in (0.5, 0.95, 1))
    assert half is not None
    assert most is not None
    assert BOUNDS_MS[2] < half < BOUNDS_MS[3]
    assert BOUNDS_MS[29] < most < BOUNDS_MS[30]
    assert last == BOUNDS_MS[-1], "it took longer than can be told"
