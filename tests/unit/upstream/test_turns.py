import pytest

from routstr.errors import (
    UpstreamError,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from routstr.upstream.blame import Blame
from routstr.upstream.carrier import Line
from routstr.upstream.fleet import Fleet
from routstr.upstream.routing import Choice
from routstr.upstream.turns import Turns
from tests.unit.upstream.carriers import Alarms, entry, profile


def choices(*names: str, keys: int = 1) -> list[Choice]:
    """A choice of each name; ``!`` before one that is left alone."""
    plain = [name.removeprefix("!") for name in names]
    all_keys = [f"k{number}" for number in range(1, keys + 1)]
    fleet = Fleet(
        Alarms().parts(), [profile(name, *all_keys, id=n) for n, name in enumerate(plain, 1)]
    )
    return [
        Choice(carrier=fleet.carriers[plain], entry=entry(plain), native=True, forced=name != plain)
        for name, plain in zip(names, plain, strict=True)
    ]


class Attempts:
    """Fails as told, then answers; notes with which key it was made."""

    def __init__(self, *failures: BaseException) -> None:
        self.failures = list(failures)
        self.keys: list[int] = []

    async def __call__(self, line: Line) -> str:
        self.keys.append(line.number)
        if self.failures:
            raise self.failures.pop(0)
        return "answer"


def never(_error: UpstreamError, _fault: Blame) -> bool:
    return False


def final(error: UpstreamError, _fault: Blame) -> bool:
    raise error


async def test_who_answers_is_the_last_to_be_asked() -> None:
    turns, (one,) = Turns(), choices("a")
    attempts = Attempts()
    assert await turns.ask(one, attempts, never) == "answer"
    assert (len(attempts.keys), turns.problem) == (1, None)


async def test_after_a_provider_s_fault_none_of_its_other_keys_is_asked() -> None:
    turns, (one,) = Turns(), choices("a", keys=3)
    attempts = Attempts(UpstreamTimeout())
    assert await turns.ask(one, attempts, never) is None
    assert len(attempts.keys) == 1
    assert isinstance(turns.failure(), UpstreamTimeout)


async def test_after_a_key_that_must_wait_comes_the_next_one() -> None:
    turns, (one,) = Turns(), choices("a", keys=3)
    attempts = Attempts(UpstreamRateLimited(), UpstreamRateLimited())
    assert await turns.ask(one, attempts, never) == "answer"
    assert sorted(attempts.keys) == [1, 2, 3]


async def test_a_request_that_is_put_right_goes_out_again_to_the_same_provider() -> None:
    turns, (one,) = Turns(), choices("a", keys=2)
    attempts = Attempts(UpstreamRejected("no such parameter", upstream_status=400))
    asked: list[Blame] = []

    def again(_error: UpstreamError, fault: Blame) -> bool:
        asked.append(fault)
        return True

    assert await turns.ask(one, attempts, again) == "answer"
    assert (len(attempts.keys), asked) == (2, [Blame.CLIENT])


async def test_what_is_final_is_raised() -> None:
    turns, (one,) = Turns(), choices("a", keys=2)
    with pytest.raises(UpstreamTimeout):
        await turns.ask(one, Attempts(UpstreamTimeout()), final)


async def test_what_is_nobody_s_fault_passes_and_gives_the_place_of_a_probe_back() -> None:
    turns, (one,) = Turns(), choices("a")
    for _ in range(3):
        await turns.ask(one, Attempts(UpstreamTimeout()), never)
    resting = one.carrier.breaker
    assert await turns.ask(one, Attempts(), never) is None
    (forced,) = choices("!a")
    forced_turns = Turns()
    with pytest.raises(KeyboardInterrupt):
        await forced_turns.ask(forced, Attempts(KeyboardInterrupt()), never)
    assert forced_turns.problem is None
    assert not resting.enter(0)


@pytest.mark.parametrize(
    ("names", "asks", "order"),
    [
        pytest.param(("a", "b"), True, ["a", "b"], id="in their order"),
        pytest.param(("a", "!b"), True, ["a"], id="left alone when somebody else was asked"),
        pytest.param(("a", "!b"), False, ["a", "!b", "!a"], id="nobody else: it is asked"),
        pytest.param(("a", "b"), False, ["a", "b", "!a", "!b"], id="rest since they were chosen"),
    ],
)
def test_the_order(names: tuple[str, ...], asks: bool, order: list[str]) -> None:
    turns, seen = Turns(), []
    for choice in turns.order(choices(*names)):
        turns.asked = asks
        seen.append(f"{'!' * choice.forced}{choice.carrier.name}")
    assert seen == order


def test_with_nobody_asked_the_failure_says_so() -> None:
    assert isinstance(Turns().failure(), UpstreamUnavailable)
