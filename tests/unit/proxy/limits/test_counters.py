"""What is told of a limit."""

from hypothesis import given
from hypothesis import strategies as st

from routstr.core.clock import ManualClock
from routstr.proxy.limits.counters import WINDOW_SECONDS, Bound, Counters, Metric
from routstr.proxy.limits.memory import MemoryStorage


def counters(clock: ManualClock) -> Counters:
    return Counters(MemoryStorage(clock), clock)


async def test_looking_counts_nothing() -> None:
    bound, counted = Bound("key", Metric.TOKENS, 10), counters(ManualClock())
    for _ in range(2):
        standing = await counted.look(bound, "a")
        assert (standing.remaining, standing.reset_s) == (10, WINDOW_SECONDS)
    assert bound.name == "key_tokens_per_minute"


async def test_the_two_scopes_and_metrics_are_counted_apart() -> None:
    counted = counters(ManualClock())
    bounds = [Bound(scope, metric, 9) for scope in ("key", "address") for metric in Metric]
    for cost, bound in enumerate(bounds, start=1):
        await counted.add(bound, "a", cost)
    left = [(await counted.look(bound, "a")).remaining for bound in bounds]
    assert left == [8, 7, 6, 5]


@given(st.integers(1, 50), st.lists(st.tuples(st.integers(1, 20), st.integers(0, 40)), max_size=20))
async def test_no_window_lets_more_in_than_its_limit(
    amount: int, steps: list[tuple[int, int]]
) -> None:
    clock = ManualClock()
    counted, bound = counters(clock), Bound("key", Metric.TOKENS, amount)
    taken, ends = 0, 0
    for cost, pause in steps:
        clock.advance(seconds=pause)
        if clock.now_ms() >= ends:
            taken = 0
        standing = await counted.look(bound, "a")
        assert standing.remaining == amount - taken
        assert 0 < standing.reset_s <= WINDOW_SECONDS
        if standing.remaining >= cost:
            ends = ends if taken else clock.now_ms() + WINDOW_SECONDS * 1_000
            assert await counted.add(bound, "a", cost)
            taken += cost
