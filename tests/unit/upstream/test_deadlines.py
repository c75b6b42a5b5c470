import asyncio

import pytest

from routstr.upstream.deadlines import Deadlines


def quick() -> Deadlines:
    return Deadlines(sweep_s=0.01, linger_s=0.02)


async def test_what_is_late_is_interrupted_as_a_timeout() -> None:
    with pytest.raises(TimeoutError), quick().within(0.02):
        await asyncio.sleep(5)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0.03)  # and nothing of it is left to come


async def test_what_ends_in_time_is_left_alone() -> None:
    with quick().within(0.05):
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.08)


async def test_moving_the_limit_keeps_a_block_alive() -> None:
    loop = asyncio.get_running_loop()
    with quick().within(0.05) as deadline:
        for _ in range(6):
            await asyncio.sleep(0.02)
            deadline.due = loop.time() + 0.05


async def test_a_shortened_limit_cannot_be_moved_back() -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    deadline = quick().within(5)
    deadline.shorten(0.05)
    deadline.shorten(4)
    deadline.due = loop.time() + 10
    with pytest.raises(TimeoutError), deadline:
        await asyncio.sleep(5)
    assert loop.time() - began < 1


async def test_a_block_can_be_entered_again_after_it_was_interrupted() -> None:
    deadline = quick().within(0.02)
    with pytest.raises(TimeoutError), deadline:
        await asyncio.sleep(5)
    deadline.due = asyncio.get_running_loop().time() + 5
    with deadline:
        await asyncio.sleep(0.03)
    assert not deadline.expired


async def test_a_cancellation_from_elsewhere_stays_one() -> None:
    async def work() -> None:
        with quick().within(5):
            await asyncio.sleep(5)

    task = asyncio.create_task(work())
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancellation_that_meets_the_timeout_wins() -> None:
    deadlines = quick()

    async def work() -> None:
        with deadlines.within(0):
            await asyncio.sleep(5)

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    for deadline in list(deadlines.running):
        deadline.check(asyncio.get_running_loop().time() + 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_another_error_passes_unchanged() -> None:
    with pytest.raises(KeyError), quick().within(5):
        raise KeyError


async def test_lingering_is_told_once_and_only_of_what_lingers() -> None:
    deadlines, told = quick(), []
    with deadlines.within(5, on_linger=lambda: told.append("short")):
        await asyncio.sleep(0)
    with deadlines.within(5, on_linger=lambda: told.append("long")):
        await asyncio.sleep(0.1)
    assert told == ["long"]


async def test_the_sweep_rests_when_nothing_runs() -> None:
    deadlines = quick()
    with deadlines.within(5):
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.03)
    assert not deadlines.swept
    with pytest.raises(TimeoutError), deadlines.within(0.01):
        await asyncio.sleep(5)


async def test_many_blocks_are_bounded_by_one_sweep() -> None:
    deadlines = quick()

    async def work(seconds: float) -> bool:
        try:
            with deadlines.within(seconds):
                await asyncio.sleep(0.1)
        except TimeoutError:
            return False
        return True

    ends = await asyncio.gather(*(work(0.02 if number % 2 else 5) for number in range(50)))
    assert ends == [number % 2 == 0 for number in range(50)]
