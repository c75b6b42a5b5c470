import pytest

from routstr.admin.throttle import (
    ADDRESSES_MAX,
    FORGET_SECONDS,
    FREE,
    FREE_OF_ALL,
    PAUSE_SECONDS_MAX,
    PAUSE_SECONDS_MAX_OF_ALL,
    Throttle,
)
from routstr.errors import TooManyLogins


def waits(throttle: Throttle, address: str, now: float) -> int:
    """How long an attempt has to wait; 0 when it may be made, which counts it as failed."""
    try:
        throttle.enter(address, now)
    except TooManyLogins as error:
        return int(error.headers["Retry-After"])
    return 0


def test_a_few_typing_errors_are_free_and_then_every_one_doubles_the_pause() -> None:
    throttle, now, pauses = Throttle(), 0.0, []
    assert [waits(throttle, "a", now) for _ in range(FREE)] == [0] * FREE
    for _ in range(12):
        wait = waits(throttle, "a", now)
        pauses.append(wait - 1)
        now += wait
        assert waits(throttle, "a", now) == 0
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]
    assert max(pauses) == PAUSE_SECONDS_MAX


def test_waiting_in_vain_does_not_lengthen_the_pause() -> None:
    throttle = Throttle()
    for _ in range(FREE):
        throttle.enter("a", 0)
    assert {waits(throttle, "a", 0.1) for _ in range(100)} == {1}
    assert waits(throttle, "a", 1.1) == 0


def test_another_address_does_not_pay_for_it() -> None:
    throttle = Throttle()
    for _ in range(FREE):
        throttle.enter("a", 0)
    assert waits(throttle, "b", 0) == 0


def test_guessing_from_everywhere_slows_everybody_a_little() -> None:
    throttle = Throttle()
    for number in range(FREE_OF_ALL):
        throttle.enter(f"address {number}", 0)
    assert waits(throttle, "fresh", 0) == 2
    now = 0.0
    for number in range(20):
        now += PAUSE_SECONDS_MAX_OF_ALL + 1
        throttle.enter(f"more {number}", now)
    assert waits(throttle, "fresh", now) == PAUSE_SECONDS_MAX_OF_ALL + 1


def test_a_success_ends_the_pause_of_its_own_address_only() -> None:
    throttle = Throttle()
    for _ in range(FREE):
        throttle.enter("a", 0)
        throttle.enter("b", 0)
    throttle.succeeded("b")
    assert (waits(throttle, "b", 0), waits(throttle, "a", 0)) == (0, 2)


def test_after_an_hour_of_peace_all_is_forgotten() -> None:
    throttle = Throttle()
    for _ in range(FREE):
        throttle.enter("a", 0)
    throttle.enter("a", FORGET_SECONDS + 1)
    assert waits(throttle, "a", FORGET_SECONDS + 1) == 0


def test_a_flood_of_addresses_is_remembered_up_to_a_bound() -> None:
    throttle = Throttle()
    now = 0.0
    for number in range(ADDRESSES_MAX + 50):
        now += PAUSE_SECONDS_MAX_OF_ALL + 1
        throttle.enter(f"address {number}", now)
    assert len(throttle._records) == ADDRESSES_MAX
    with pytest.raises(TooManyLogins):
        throttle.enter("another", now)
