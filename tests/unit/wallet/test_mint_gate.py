import asyncio

import pytest

from routstr.core.clock import ManualClock
from routstr.wallet.mint_errors import MintBusy
from routstr.wallet.mint_gate import BUSY_REST_S, BUSY_REST_S_MAX, REST_S_MAX, MintGate


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def gate(clock: ManualClock) -> MintGate:
    return MintGate(clock, parallel=2)


async def refusal(gate: MintGate) -> int:
    with pytest.raises(MintBusy) as caught:
        async with gate.slot(0.01):
            pass
    return caught.value.retry_after_s


async def test_only_so_many_calls_run_at_a_time(gate: MintGate) -> None:
    running = most = 0

    async def call() -> None:
        nonlocal running, most
        async with gate.slot(1):
            running += 1
            most = max(most, running)
            await asyncio.sleep(0)
            running -= 1

    await asyncio.gather(*(call() for _ in range(20)))
    assert (running, most) == (0, 2)


async def test_a_call_that_finds_no_place_in_time_is_told_to_wait(gate: MintGate) -> None:
    async with gate.slot(1), gate.slot(1):
        assert await refusal(gate) == 1
    async with gate.slot(1):
        assert gate.rest_s == 0


async def test_places_are_given_back_when_calls_fail_or_are_cancelled(gate: MintGate) -> None:
    async def hang() -> None:
        async with gate.slot(1):
            await asyncio.sleep(10)

    for _ in range(3):
        task = asyncio.create_task(hang())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(KeyError):
            async with gate.slot(1):
                raise KeyError
    async with gate.slot(0.01), gate.slot(0.01):
        pass


@pytest.mark.parametrize(
    ("asked", "rests"), [(7, 7), (None, BUSY_REST_S), (0, 1), (10**9, BUSY_REST_S_MAX)]
)
async def test_a_mint_that_asks_to_wait_is_left_alone(
    gate: MintGate, clock: ManualClock, asked: int | None, rests: int
) -> None:
    assert gate.asked_to_wait(asked) == rests
    assert await refusal(gate) == rests
    clock.advance(seconds=rests - 0.5)
    assert await refusal(gate) == 1
    clock.advance(seconds=0.5)
    async with gate.slot(0.01):
        pass


async def test_calls_that_were_waiting_are_refused_too(gate: MintGate) -> None:
    async def call() -> None:
        async with gate.slot(1):
            pytest.fail("admitted while the mint rests")

    async with gate.slot(1), gate.slot(1):
        waiting = [asyncio.create_task(call()) for _ in range(3)]
        await asyncio.sleep(0)
        gate.asked_to_wait(5)
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(result, MintBusy) for result in results)


async def test_outages_in_a_row_make_growing_rests(gate: MintGate, clock: ManualClock) -> None:
    rests = []
    for _ in range(12):
        gate.failed()
        rests.append(gate.rest_s)
        clock.advance(seconds=gate.rest_s)
    assert rests == [0, 0, 1, 2, 4, 8, 16, 32] + [REST_S_MAX] * 4


async def test_an_answer_ends_the_row(gate: MintGate) -> None:
    gate.failed()
    gate.failed()
    gate.answered()
    gate.failed()
    assert gate.rest_s == 0


async def test_a_shorter_rest_does_not_end_a_longer_one(gate: MintGate) -> None:
    gate.asked_to_wait(100)
    gate.asked_to_wait(1)
    assert gate.rest_s == 100
