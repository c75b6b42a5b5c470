import pytest

from routstr.core.clock import ManualClock
from routstr.core.tracing import Step, Trace
from routstr.errors import UpstreamTimeout


async def test_steps_are_noted_with_their_times_and_how_they_failed() -> None:
    clock = ManualClock()
    trace = Trace(clock.monotonic)
    began = trace.began
    clock.advance(seconds=1)
    trace.read()
    clock.advance(seconds=2)
    trace.quoted()

    async def attempt(seconds: float) -> float:
        clock.advance(seconds=seconds)
        if seconds > 3:
            raise UpstreamTimeout
        return seconds

    ask = trace.each(attempt, provider="p", model="m")
    with pytest.raises(UpstreamTimeout):
        await ask(4)
    assert await ask(3) == 3
    with pytest.raises(UpstreamTimeout):
        await trace.around("settle", attempt(5))
    assert trace.steps == [
        Step("quote", began + 1, began + 3),
        Step("attempt", began + 3, began + 7, "upstream_timeout", "p", "m"),
        Step("attempt", began + 7, began + 10, "", "p", "m"),
        Step("settle", began + 10, began + 15, "upstream_timeout"),
    ]


async def test_what_has_no_code_is_told_by_its_class() -> None:
    trace = Trace(ManualClock().monotonic)

    async def fails() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        await trace.around("hold", fails())
    assert trace.steps[0].error == "KeyError"
