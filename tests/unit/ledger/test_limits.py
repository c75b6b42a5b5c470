from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routstr.ledger.limits import LimitRow, Limits, Reset, period_start
from routstr.money import MAX_MSAT

HOUR = 3_600_000
DAY = 24 * HOUR


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000


def limit(
    cap: int | None = 100,
    reset: Reset = Reset.DAILY,
    *,
    period: int = ms("2026-03-04"),
    spent: int = 0,
    forgiven: int = 0,
    held: int = 0,
) -> LimitRow:
    return LimitRow(1, 7, 0, cap, int(reset), period, spent, forgiven, held)


@pytest.mark.parametrize(
    ("reset", "at", "start"),
    [
        (Reset.NEVER, "2026-03-04T12:00", None),
        (Reset.DAILY, "2026-03-04T00:00", "2026-03-04"),
        (Reset.DAILY, "2026-03-04T23:59", "2026-03-04"),
        (Reset.DAILY, "1970-01-01T00:00", "1970-01-01"),
        (Reset.WEEKLY, "2026-03-04T12:00", "2026-03-02"),  # a Wednesday
        (Reset.WEEKLY, "2026-03-02T00:00", "2026-03-02"),
        (Reset.WEEKLY, "2026-03-08T23:59", "2026-03-02"),
        (Reset.WEEKLY, "2026-03-09T00:00", "2026-03-09"),
        (Reset.MONTHLY, "2026-03-01T00:00", "2026-03-01"),
        (Reset.MONTHLY, "2024-02-29T23:59", "2024-02-01"),
        (Reset.MONTHLY, "2026-12-31T23:59", "2026-12-01"),
    ],
)
def test_periods_begin_at_midnight_on_mondays_and_on_the_first(
    reset: Reset, at: str, start: str | None
) -> None:
    assert period_start(reset, ms(at)) == (0 if start is None else ms(start))


@given(st.sampled_from([Reset.DAILY, Reset.WEEKLY, Reset.MONTHLY]), st.integers(0, 2**42))
def test_every_moment_lies_in_its_period_as_the_calendar_says(reset: Reset, at: int) -> None:
    start = period_start(reset, at)
    day = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)
    midnight = day.replace(hour=0, minute=0, second=0, microsecond=0)
    first = {
        Reset.DAILY: midnight,
        Reset.WEEKLY: midnight - timedelta(days=midnight.weekday()),
        Reset.MONTHLY: midnight.replace(day=1),
    }[reset]
    assert start == (first - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    assert start <= at
    assert period_start(reset, start) == start


def test_what_is_left_is_the_cap_less_what_was_spent_and_what_is_held() -> None:
    row = limit(cap=100, spent=30, held=20)
    assert row.left(row.period) == 50
    assert not row.touched
    assert limit(cap=100, spent=30, forgiven=30, held=20).left(row.period) == 80
    assert limit(cap=100, spent=130).left(row.period) == 0, "as when the cap was lowered"
    assert limit(cap=None, spent=130).left(row.period) == MAX_MSAT


def test_a_new_period_begins_with_nothing_spent_and_nothing_held() -> None:
    row = limit(cap=100, spent=30, forgiven=10, held=20)
    assert row.left(row.period + DAY - 1) == 60
    assert row.left(row.period + DAY) == 100
    assert (row.period, row.spent, row.forgiven, row.held) == (ms("2026-03-05"), 0, 0, 0)
    assert row.touched


def test_a_period_never_comes_back() -> None:
    row = limit(cap=100, spent=30)
    assert row.left(row.period - 1) == 70, "a clock that is behind counts in the newest period"
    assert (row.period, row.touched) == (ms("2026-03-04"), False)


def test_a_limit_for_good_has_one_period() -> None:
    row = limit(cap=100, reset=Reset.NEVER, period=0, spent=30)
    assert row.left(ms("2099-01-01")) == 70


def test_holds_and_charges_count_in_their_own_period_alone() -> None:
    row = limit(cap=100)
    today, yesterday = row.period, row.period - DAY
    row.hold(40)
    assert (row.held, row.touched) == (40, True)
    row.touched = False
    row.free(15, yesterday)
    row.charge(15, yesterday)
    assert (row.held, row.spent, row.charged, row.requests) == (40, 0, 15, 1)
    assert row.touched, "the totals changed"
    row.free(40, today)
    row.charge(25, today)
    assert (row.held, row.spent, row.charged, row.requests) == (0, 25, 40, 2)


def test_a_hold_of_another_period_frees_nothing() -> None:
    row = limit(cap=100, held=40)
    row.free(40, row.period - DAY)
    assert (row.held, row.touched) == (40, False)
    row.free(40, row.period)
    assert (row.held, row.touched) == (0, True)


def test_a_limit_counts_on_its_own_account() -> None:
    row = limit()
    limits = Limits([row], 5)
    assert limits.at == 5
    assert limits.of(1, 7) is row
    assert limits.of(1, 8) is None
    assert limits.of(2, 7) is None
    assert limits.of(None, 7) is None
