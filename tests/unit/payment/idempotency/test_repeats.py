"""One call, its repeats, and every way in which it can end."""

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import given, strategies

from routstr.core.clock import ManualClock
from routstr.errors import (
    DatabaseUnavailable,
    IdempotencyInProgress,
    IdempotencyMismatch,
    InvalidIdempotencyKey,
)
from routstr.ledger.entries import HoldState
from routstr.payment.idempotency.answers import Answer, Kept, Paid
from routstr.payment.idempotency.repeats import Repeats, checked_key
from routstr.payment.idempotency.repository import Begun
from tests.unit.payment.idempotency.memory import ME, Memory, repeats

SCOPE, REQUEST, OTHER = b"s" * 32, b"r" * 32, b"o" * 32
KEPT = Kept(Answer(200, [], b"{}"))


@pytest.fixture
def memory() -> Iterator[Memory]:
    memory = Memory()
    yield memory
    memory.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def calls(memory: Memory, clock: ManualClock) -> Repeats:
    return repeats(memory, clock)


async def begun(calls: Repeats, *, paid: str | None = None) -> Begun:
    found = await calls.begin(SCOPE, REQUEST, paid_request=paid)
    assert isinstance(found, Begun)
    return found


@given(strategies.text(strategies.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1))
def test_visible_ascii_is_a_key(text: str) -> None:
    if len(text) <= 255 and not text.startswith('"'):
        assert checked_key(text) == text
        assert checked_key(f'"{text}"') == text


@pytest.mark.parametrize("bad", ["", " ", '""', "a b", "ü", "a\x7f", "a\tb", "x" * 256])
def test_anything_else_is_none(bad: str) -> None:
    with pytest.raises(InvalidIdempotencyKey):
        checked_key(bad)


def test_a_key_means_something_with_its_credential_only(calls: Repeats) -> None:
    assert calls.scope("k", b"a") == calls.scope("k", b"a")
    others = [calls.scope("k", b"b"), calls.scope("l", b"a"), calls.scope("", b"ak")]
    assert len({calls.scope("k", b"a"), *others}) == 4


async def test_what_was_kept_is_told_again(calls: Repeats, memory: Memory) -> None:
    await calls.keep(await begun(calls), KEPT)
    assert await calls.begin(SCOPE, REQUEST) == KEPT
    assert await memory.rows() == [(None, 1)]


async def test_a_running_call_is_not_begun_again(calls: Repeats) -> None:
    await begun(calls)
    with pytest.raises(IdempotencyInProgress) as refused:
        await calls.begin(SCOPE, REQUEST)
    assert refused.value.headers == {"Retry-After": "1"}


@pytest.mark.parametrize("done", [True, False])
async def test_a_key_is_one_requests(calls: Repeats, done: bool) -> None:
    call = await begun(calls)
    if done:
        await calls.keep(call, KEPT)
    with pytest.raises(IdempotencyMismatch):
        await calls.begin(SCOPE, OTHER)


async def test_a_freed_key_is_anybodys(calls: Repeats, memory: Memory) -> None:
    first = await begun(calls)
    await calls.forget(first)
    assert await memory.rows() == []
    again = await calls.begin(SCOPE, OTHER)
    assert isinstance(again, Begun)
    assert not again.again
    assert again.operation != first.operation


async def test_an_unfinished_call_goes_on_as_the_same_operation(calls: Repeats) -> None:
    first = await begun(calls)
    await calls.reopen(first)
    again = await begun(calls)
    assert again.again
    assert again.operation == first.operation
    assert again.attempt != first.attempt
    assert len(first.operation) == 32


async def test_an_earlier_attempt_cannot_end_a_later_one(calls: Repeats, memory: Memory) -> None:
    first = await begun(calls)
    await calls.reopen(first)
    await begun(calls)
    await calls.keep(first, KEPT)
    await calls.forget(first)
    await calls.reopen(first)
    assert await memory.rows() == [(ME, 0)]


async def test_an_answer_expires_and_its_key_is_a_new_operation(
    calls: Repeats, clock: ManualClock, memory: Memory
) -> None:
    first = await begun(calls)
    await calls.keep(first, KEPT)
    clock.advance(seconds=24 * 3600 - 1)
    assert await calls.begin(SCOPE, REQUEST) == KEPT
    assert await calls.tidy() == 0
    clock.advance(seconds=1)
    again = await begun(calls)
    assert again.operation != first.operation
    await calls.keep(again, KEPT)
    clock.advance(seconds=24 * 3600)
    assert await calls.tidy() == 1
    assert await memory.rows() == []


async def test_a_running_call_does_not_expire_until_a_day_later(
    calls: Repeats, clock: ManualClock
) -> None:
    await begun(calls)
    clock.advance(seconds=24 * 3600)
    assert await calls.tidy() == 0
    with pytest.raises(IdempotencyInProgress):
        await calls.begin(SCOPE, REQUEST)
    clock.advance(seconds=24 * 3600)
    assert await calls.tidy() == 1


async def test_an_instance_that_is_dead_leaves_its_calls_to_others(
    calls: Repeats, memory: Memory
) -> None:
    first = await begun(calls)  # nobody has entered instance 1: it is not alive
    other = repeats(memory, instance=2)
    assert (await begun(other)).operation == first.operation
    await calls.keep(first, KEPT)  # it was alive after all
    assert await memory.rows() == [(2, 0)]


async def test_an_end_that_cannot_be_written_is_written_later(
    calls: Repeats, memory: Memory
) -> None:
    call = await begun(calls)
    memory.away = True
    await calls.keep(call, KEPT)
    memory.away = False
    assert await memory.rows() == [(ME, 0)]
    await calls.tidy()
    assert await memory.rows() == [(None, 1)]


async def test_whoever_repeats_it_writes_the_end_first(calls: Repeats, memory: Memory) -> None:
    call = await begun(calls)
    memory.away = True
    await calls.keep(call, KEPT)
    with pytest.raises(DatabaseUnavailable):
        await calls.begin(SCOPE, REQUEST)
    memory.away = False
    assert await calls.begin(SCOPE, REQUEST) == KEPT


async def test_an_abandoned_call_can_be_repeated_at_once(calls: Repeats) -> None:
    call = await begun(calls)
    calls.abandon(call.attempt)
    assert (await begun(calls)).operation == call.operation


async def test_who_is_cancelled_while_it_begins_leaves_nothing_running(calls: Repeats) -> None:
    task = asyncio.create_task(calls.begin(SCOPE, REQUEST))
    await asyncio.sleep(0)  # the record is written, its answer not heard
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await begun(calls)).again


async def test_who_was_refused_has_nothing_to_write_later(calls: Repeats, memory: Memory) -> None:
    await begun(calls)
    with pytest.raises(IdempotencyInProgress):
        await calls.begin(SCOPE, REQUEST)
    before = memory.writes
    await calls.tidy()
    assert memory.writes == before + 1, "only what has expired is looked for"


class TestAPaidRequestThatWasLeft:
    async def left(self, calls: Repeats, memory: Memory, state: HoldState, charged: int) -> Begun:
        await memory.hold("first", HoldState.SETTLED, charged=99)  # another's, before it began
        call = await begun(calls, paid="first")
        await memory.hold("first", state, charged=charged)
        await calls.reopen(call)
        return call

    @pytest.mark.parametrize("state", [HoldState.SETTLED, HoldState.LATE])
    async def test_and_was_charged_is_over(
        self, calls: Repeats, memory: Memory, state: HoldState
    ) -> None:
        await self.left(calls, memory, state, 73)
        receipt = Kept(paid=Paid("first", "m", 12, 6, 73, None))
        assert await calls.begin(SCOPE, REQUEST, paid_request="second") == receipt
        assert await calls.begin(SCOPE, REQUEST, paid_request="third") == receipt
        assert await memory.rows() == [(None, 1)]

    @pytest.mark.parametrize("state", [HoldState.RELEASED, HoldState.EXPIRED])
    async def test_and_was_not_charged_is_served(
        self, calls: Repeats, memory: Memory, state: HoldState
    ) -> None:
        await self.left(calls, memory, state, 0)
        again = await begun(calls, paid="second")
        await memory.hold("second", HoldState.SETTLED, charged=5)
        await calls.reopen(again)
        kept = await calls.begin(SCOPE, REQUEST, paid_request="third")
        assert isinstance(kept, Kept)
        assert kept.paid is not None
        assert (kept.paid.request_id, kept.paid.cost_msats) == ("second", 5)

    async def test_and_never_held_money_is_served(self, calls: Repeats) -> None:
        await calls.reopen(await begun(calls, paid="first"))
        await begun(calls, paid="second")

    async def test_and_still_holds_money_is_waited_for(
        self, calls: Repeats, memory: Memory
    ) -> None:
        await self.left(calls, memory, HoldState.OPEN, 0)
        for _ in range(2):
            with pytest.raises(IdempotencyInProgress):
                await calls.begin(SCOPE, REQUEST, paid_request="second")
