import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from routstr.errors import (
    InsufficientBalance,
    InsufficientLiquidity,
    PaymentTooDear,
    UntrustedMint,
)
from routstr.money import Unit
from routstr.wallet.melting import Melt
from routstr.wallet.mint_errors import MintUnclear
from routstr.wallet.models import ProofStatus, SagaState
from tests.unit.wallet.paying_mint import (
    PayingMint,
    invoice,
    melt,
    mint_of,
    wait_for,
)
from tests.unit.wallet.played_mint import Gate
from tests.unit.wallet.signing import Signer
from tests.unit.wallet.test_send import stock
from tests.unit.wallet.world import World, open_world

LOST = MintUnclear("no answer")
FREE, BUSY = ProofStatus.UNSPENT, ProofStatus.RESERVED


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path, PayingMint()) as world:
        yield world


@pytest.fixture
async def dear(tmp_path: Path) -> AsyncIterator[World]:
    """Its mint takes 100 thousandths per proof."""
    async with open_world(tmp_path, PayingMint(Signer(fee=100))) as world:
        yield world


async def test_an_invoice_is_paid_and_what_was_not_needed_comes_back(world: World) -> None:
    await stock(world, 64, 8)
    saga = await melt(world.house, 40)

    assert (saga.state, saga.gross, saga.spent, saga.fee) == (SagaState.DONE, 42, 41, 0)
    assert saga.plan.pay == 40
    assert await world.purse() == {FREE: 72 - 41}
    assert len(mint_of(world).paid) == 1
    assert world.house.till.story == (1, 1, 0)
    assert world.house.till.done_[0].spent == 41, "the purpose is told what was really paid"
    assert (await melt(world.house, 20)).spent == 21, "the change can be spent"


async def test_the_input_fee_is_part_of_the_gross(dear: World) -> None:
    await stock(dear, 32, 8, 2, 1, 1)
    saga = await melt(dear.house, 40)
    assert (saga.gross, saga.fee, saga.spent) == (43, 1, 42)
    assert await dear.purse() == {FREE: 44 - 42}


async def test_the_owner_is_debited_before_the_mint_pays(world: World) -> None:
    await stock(world, 64)
    gate = Gate()
    mint_of(world).next_melts(wait_for(gate))
    paying = asyncio.create_task(melt(world.house, 40))
    await gate.reached.wait()
    assert (await world.purse(), world.house.till.story) == ({BUSY: 64}, (1, 0, 0))
    assert await world.states() == [SagaState.OPEN]
    gate.open.set()
    assert (await paying).state is SagaState.DONE


async def test_what_is_more_than_the_limit_is_not_paid(dear: World) -> None:
    await stock(dear, 64)
    with pytest.raises(PaymentTooDear) as refused:
        await melt(dear.house, 40, 41)
    assert refused.value.excess == 1, "the reserve alone"
    with pytest.raises(PaymentTooDear) as refused:
        await melt(dear.house, 40, 42)
    assert refused.value.excess == 1, "the input fee"
    assert (await melt(dear.house, 40, 43)).state is SagaState.DONE


async def test_without_enough_ecash_nothing_is_asked_for(world: World) -> None:
    await stock(world, 32)
    with pytest.raises(InsufficientLiquidity):
        await melt(world.house, 40)
    assert (mint_of(world).calls["melt"], await world.states()) == (0, [])


async def test_a_refused_intent_leaves_everything_as_it_was(world: World) -> None:
    await stock(world, 64)
    world.house.till.refusal = InsufficientBalance()
    with pytest.raises(InsufficientBalance):
        await melt(world.house, 40)
    assert (await world.purse(), await world.states()) == ({FREE: 64}, [])
    assert mint_of(world).calls["melt"] == 0


async def test_an_unlisted_mint_is_never_contacted(world: World) -> None:
    with pytest.raises(UntrustedMint):
        await melt(world.house, 40, mint="https://other.example")


@pytest.mark.parametrize("ends_well", [True, False])
async def test_a_pending_payment_stays_open_until_the_mint_knows(
    world: World, ends_well: bool
) -> None:
    await stock(world, 64)
    mint = mint_of(world)
    mint.outcome = "pending"
    saga = await melt(world.house, 40)
    assert saga.state is SagaState.OPEN
    for _ in range(3):
        assert (await world.house.wallet.look_at_melt(saga.id)).state is SagaState.OPEN
    assert (mint.calls["melt"], await world.purse()) == (1, {BUSY: 64}), "never repeated meanwhile"

    (quote,) = mint.jobs
    if ends_well:
        mint.settle(quote)
        ended = await world.house.wallet.look_at_melt(saga.id)
        assert (ended.state, ended.spent) == (SagaState.DONE, 41)
        assert (await world.purse(), len(mint.paid)) == ({FREE: 64 - 41}, 1)
        assert world.house.till.story == (1, 1, 0)
    else:
        mint.outcome = "failed"
        mint.give_up(quote)
        ended = await world.house.wallet.look_at_melt(saga.id)
        assert (ended.state, ended.spent) == (SagaState.FAILED, None)
        assert (await world.purse(), mint.paid) == ({FREE: 64}, [])
        assert world.house.till.story == (1, 0, 1)


async def test_a_rotated_keyset_is_noticed_and_the_payment_made(world: World) -> None:
    await stock(world, 64)
    await world.house.mints.keysets(world.mint)
    world.mint.rotate(Signer(fee=1))
    saga = await melt(world.house, 40)
    assert saga.state is SagaState.DONE
    assert await world.states() == [SagaState.FAILED, SagaState.DONE]
    assert len(mint_of(world).paid) == 1


async def test_another_instance_finishes_what_a_dead_one_began(world: World) -> None:
    await stock(world, 64)
    mint = mint_of(world)
    mint.outcome = "pending"
    saga = await melt(world.house, 40)
    mint.settle(*mint.jobs)
    other = world.another_house()
    assert await other.wallet.recover(frozenset({1})) == 0, "its instance is alive"
    assert await other.wallet.recover(frozenset()) == 1
    assert (await other.wallet.saga(saga.id)).spent == 41
    assert other.till.story == (0, 1, 0)


async def test_what_another_instance_pays_is_not_looked_at(world: World) -> None:
    await stock(world, 64)
    mint = mint_of(world)
    mint.outcome = "pending"
    saga = await melt(world.house, 40)
    asked = mint.calls["melt_quote_state"]
    assert (await world.another_house().wallet.look_at_melt(saga.id)).state is SagaState.OPEN
    assert mint.calls["melt_quote_state"] == asked


async def test_parallel_payments_share_no_proof(world: World) -> None:
    await stock(world, *[16] * 10)
    done = await asyncio.gather(*(melt(world.house, 10) for _ in range(10)))
    assert {saga.state for saga in done} == {SagaState.DONE}
    assert await world.purse() == {FREE: 160 - 110}
    assert len(set(mint_of(world).paid)) == 10


async def test_nothing_of_an_invoice_or_quote_stands_in_clear(world: World) -> None:
    await stock(world, 64)
    text = invoice(40)
    await melt(world.house, 40, bolt11=text)
    written = world.written()
    assert text.encode() not in written
    assert b"quote-0" not in written
    assert text not in repr(Melt("m", Unit.SAT, text, 1, "p", None, {}))
