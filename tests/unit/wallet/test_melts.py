from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from routstr.errors import (
    LightningFailed,
    MintRateLimited,
    MintRefused,
    MintUnreachable,
)
from routstr.wallet.mint_errors import MintBusy, MintDown, MintUnclear
from routstr.wallet.mint_types import MeltQuoteState, MeltResult, ProofState
from routstr.wallet.models import ProofStatus, SagaState
from tests.unit.wallet.paying_mint import (
    PayingMint,
    fail,
    lose_answer,
    melt,
    mint_of,
    twist,
)
from tests.unit.wallet.test_send import stock
from tests.unit.wallet.world import World, open_world

LOST = MintUnclear("no answer")
FREE, BUSY = ProofStatus.UNSPENT, ProofStatus.RESERVED


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path, PayingMint()) as world:
        yield world


async def test_a_payment_that_fails_gives_everything_back(world: World) -> None:
    await stock(world, 64)
    mint_of(world).outcome = "failed"
    with pytest.raises(LightningFailed):
        await melt(world.house, 40)
    assert (await world.purse(), world.house.till.story) == ({FREE: 64}, (1, 0, 1))
    assert await world.states() == [SagaState.FAILED]


async def test_unpaid_is_believed_after_the_mint_was_asked(world: World) -> None:
    await stock(world, 64)

    async def unpaid(_pay: object) -> MeltResult:
        return MeltResult(MeltQuoteState.UNPAID, None, ())

    mint_of(world).next_melts(unpaid)
    with pytest.raises(LightningFailed):
        await melt(world.house, 40)
    assert mint_of(world).calls["melt_quote_state"] == 1
    assert await world.purse() == {FREE: 64}


@pytest.mark.parametrize(
    ("error", "raised"), [(MintDown("away"), MintUnreachable), (MintBusy(3), MintRateLimited)]
)
async def test_what_the_mint_never_heard_of_is_undone(
    world: World, error: MintDown | MintBusy, raised: type[Exception]
) -> None:
    await stock(world, 64)
    mint_of(world).next_melts(fail(error))
    with pytest.raises(raised):
        await melt(world.house, 40)
    assert (await world.purse(), world.house.till.story) == ({FREE: 64}, (1, 0, 1))


async def test_a_lost_answer_is_found_out_at_once(world: World) -> None:
    await stock(world, 64)
    mint_of(world).next_melts(lose_answer(LOST))
    saga = await melt(world.house, 40)
    assert (saga.state, saga.spent) == (SagaState.DONE, 41)
    assert await world.purse() == {FREE: 64 - 41}, "the change was restored"
    assert len(mint_of(world).paid) == 1


async def test_a_lost_request_is_made_again(world: World) -> None:
    await stock(world, 64)
    mint_of(world).next_melts(fail(LOST))
    assert (await melt(world.house, 40)).state is SagaState.DONE
    assert len(mint_of(world).paid) == 1


async def test_a_mint_that_is_silent_is_asked_until_it_answers(world: World) -> None:
    await stock(world, 64)
    mint = mint_of(world)
    mint.next_melts(lose_answer(LOST))
    mint.broken["melt_quote_state"] = MintDown("away")
    saga = await melt(world.house, 40)
    assert saga.state is SagaState.OPEN
    mint.broken.clear()
    await world.house.wallet.recover(frozenset())
    assert (await world.house.wallet.saga(saga.id)).state is SagaState.DONE
    assert (len(mint.paid), mint.calls["melt"]) == (1, 1)


async def test_an_asked_mint_that_answered_with_trouble_did_not_pay(world: World) -> None:
    """Codes that may come after the fact are no refusal; the quote and the inputs decide."""
    await stock(world, 64)
    vague = MintUnclear("HTTP status 400: something", 0)
    mint_of(world).next_melts(fail(vague), fail(vague))
    with pytest.raises(MintRefused):
        await melt(world.house, 40)
    assert (await world.purse(), await world.states()) == ({FREE: 64}, [SagaState.FAILED])


async def test_a_second_lost_answer_leaves_it_open(world: World) -> None:
    await stock(world, 64)
    mint_of(world).next_melts(fail(LOST), fail(LOST))
    saga = await melt(world.house, 40)
    assert saga.state is SagaState.OPEN
    assert (await world.house.wallet.look_at_melt(saga.id)).state is SagaState.DONE
    assert len(mint_of(world).paid) == 1


async def test_a_429_in_answer_to_the_payment_leaves_it_open(world: World) -> None:
    await stock(world, 64)
    mint_of(world).next_melts(lose_answer(MintBusy(1, sent=True)))
    assert (await melt(world.house, 40)).state is SagaState.OPEN
    await world.house.wallet.recover(frozenset())
    assert await world.states() == [SagaState.DONE]
    assert len(mint_of(world).paid) == 1


async def test_proofs_that_were_spent_elsewhere_stay_for_the_operator(world: World) -> None:
    await stock(world, 64)
    mint = mint_of(world)
    mint.outcome = "pending"
    saga = await melt(world.house, 40)
    (quote,) = mint.jobs
    mint.give_up(quote)
    mint.states = dict.fromkeys(mint.states, ProofState.SPENT)
    assert (await world.house.wallet.look_at_melt(saga.id)).state is SagaState.OPEN
    assert (await world.purse(), world.house.till.story) == ({BUSY: 64}, (1, 0, 0))


async def test_a_payment_is_not_known_to_be_paid_before_its_inputs_are_spent(world: World) -> None:
    """The mint signs the change when it spends the inputs: before that it cannot be restored."""
    await stock(world, 64)
    mint = mint_of(world)
    mint.outcome = "pending"
    saga = await melt(world.house, 40)
    (quote,) = mint.jobs
    mint.jobs[quote].quote = replace(mint.jobs[quote].quote, state=MeltQuoteState.PAID)
    assert (await world.house.wallet.look_at_melt(saga.id)).state is SagaState.OPEN
    mint.settle(quote)
    assert (await world.house.wallet.look_at_melt(saga.id)).spent == 41


async def test_change_that_the_mint_owes_is_waited_for(world: World) -> None:
    await stock(world, 64)
    mint_of(world).next_melts(twist(lambda answer: replace(answer, change=())))
    saga = await melt(world.house, 40)
    assert saga.state is SagaState.OPEN, "64 were given, 42 may be kept"
    assert (await world.house.wallet.look_at_melt(saga.id)).spent == 41


async def test_a_mint_that_uses_all_of_its_reserve_returns_nothing_of_it(world: World) -> None:
    await stock(world, 32, 8, 2)
    mint_of(world).cost = 2
    assert (await melt(world.house, 40)).spent == 42
    assert await world.purse() == {}


async def test_bad_signatures_on_the_change_are_not_taken(world: World) -> None:
    await stock(world, 64)

    def double(answer: MeltResult) -> MeltResult:
        change = tuple(replace(one, amount=one.amount * 2) for one in answer.change)
        return replace(answer, change=change)

    mint_of(world).next_melts(twist(double))
    saga = await melt(world.house, 40)
    assert saga.state is SagaState.OPEN
    assert (await world.house.wallet.look_at_melt(saga.id)).spent == 41
