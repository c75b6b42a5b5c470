import time

import pytest

from routstr.core.clock import ManualClock, SystemClock


def test_system_clock_tells_milliseconds_since_1970() -> None:
    before = time.time_ns() // 1_000_000
    now = SystemClock().now_ms()

    assert before <= now <= time.time_ns() // 1_000_000


def test_system_clock_never_goes_back() -> None:
    clock = SystemClock()
    readings = [clock.monotonic() for _ in range(1_000)]

    assert readings == sorted(readings)


def test_both_hands_of_a_manual_clock_move_together_and_only_when_told() -> None:
    clock = ManualClock(5_000)
    clock.advance(seconds=1.5, ms=2)

    assert clock.now_ms() == 6_502
    assert clock.monotonic() == 6.502


def test_a_manual_clock_refuses_to_go_back() -> None:
    with pytest.raises(ValueError, match="does not go back"):
        ManualClock().advance(seconds=-1)
