import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from routstr.errors import MintUnreachable
from routstr.wallet import sagas
from routstr.wallet.mint_errors import (
    MintBusy,
    MintCode,
    MintDown,
    MintError,
    MintRefusal,
    MintUnclear,
)
from routstr.wallet.mint_types import MintQuoteState
from routstr.wallet.models import ProofStatus, QuoteState, SagaKind, SagaState
from routstr.wallet.proofs import make_outputs
from routstr.wallet.quotes import GIVE_UP_MS, Quote
from tests.unit.wallet.invoices import InvoiceMint
from tests.unit.wallet.ordering import check, minter, open_orders, order, pass_time, the_mint
from tests.unit.wallet.played_mint import (
    Gate,
    Oddity,
    Signatures,
    Swap,
    fail,
    lose_answer,
    refuse,
    twist,
    wait_for,
)
from tests.unit.wallet.signing import Signer
from tests.unit.wallet.world import ACCOUNT, SEED, World

FREE = ProofStatus.UNSPENT
LOST = MintUnclear("no answer")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_orders(tmp_path) as world:
        yield world


async def recover(world: World) -> None:
    pass_time(world)
    await world.house.wallet.recover(frozenset({1}))


async def credited(world: World, quote: Quote, amount: int = 11) -> None:
    """The quote is issued, its ecash is here, and its purpose was told once."""
    now = await world.house.wallet.quote(quote.id)
    assert now.state is QuoteState.ISSUED
    assert now.paid_at is not None
    assert await world.purse() == {FREE: amount}
    (done,) = world.house.till.done_
    assert (done.kind, done.gross, done.fee, done.account) == (SagaKind.MINT, amount, 0, ACCOUNT)
    assert now.saga == done.id
    assert done.context == {"note": "ünï"}
    assert the_mint(world).calls["issued"] == 1


async def test_an_unpaid_invoice_brings_nothing(world: World) -> None:
    quote = await order(world)
    assert (await check(world, quote)).state is QuoteState.UNPAID
    assert await world.purse() == {}
    assert world.house.till.story == (0, 0, 0)


async def test_a_paid_invoice_is_credited(world: World) -> None:
    quote = await order(world)
    the_mint(world).pay()
    assert (await check(world, quote)).state is QuoteState.ISSUED
    await credited(world, quote)
    assert world.house.till.story == (1, 1, 0)


async def test_an_issued_one_is_asked_about_no_more(world: World) -> None:
    quote = await order(world)
    the_mint(world).pay()
    await check(world, quote)
    asked = the_mint(world).calls["mint_quote_state"]
    await check(world, quote)
    assert the_mint(world).calls["mint_quote_state"] == asked
    await credited(world, quote)


async def test_fifty_at_once_credit_it_once(world: World) -> None:
    quote = await order(world)
    the_mint(world).pay()
    pass_time(world)
    wallet = world.house.wallet
    found = await asyncio.gather(*(wallet.check_quote(quote.id) for _ in range(50)))
    assert {one.state for one in found} == {QuoteState.ISSUED}
    await credited(world, quote)
    assert the_mint(world).calls["mint_quote_state"] == 1


async def test_two_instances_credit_it_once(world: World) -> None:
    quote = await order(world)
    other = world.another_house()
    the_mint(world).pay()
    await asyncio.gather(check(world, quote), check(world, quote, other))
    assert world.house.till.story[1] + other.till.story[1] == 1
    assert await world.purse() == {FREE: 11}


async def test_an_instance_that_comes_too_late_finds_it_taken(world: World) -> None:
    """Both were told PAID; the database gives the quote to one saga."""
    quote = await order(world)
    other = world.another_house()
    the_mint(world).pay()
    pass_time(world)
    seen = await minter(other).load(quote.id)
    await check(world, quote)
    taken = await minter(other)._take(seen, world.mint)
    assert taken.state is QuoteState.ISSUED
    assert (world.house.till.story, other.till.story) == ((1, 1, 0), (0, 0, 0))
    await credited(world, quote)


@pytest.mark.parametrize(
    "oddity",
    [
        lose_answer(LOST),
        lose_answer(MintBusy(1, sent=True)),
        lose_answer(MintRefusal(MintCode.QUOTE_ISSUED, "again")),
        twist(lambda signed: (replace(signed[0], amount=signed[0].amount * 2), *signed[1:])),
        twist(lambda signed: signed[:-1]),
        fail(LOST),
        fail(MintDown("no connection")),
        fail(MintBusy(1)),
        refuse(MintCode.QUOTE_PENDING),
        refuse(19_999),
        refuse(MintCode.QUOTE_EXPIRED),
    ],
)
async def test_whatever_the_mint_says_it_is_credited_once_in_the_end(
    world: World, oddity: Oddity
) -> None:
    quote = await order(world)
    the_mint(world).pay()
    the_mint(world).next_mint(oddity)
    await check(world, quote)
    await recover(world)
    await credited(world, quote)
    assert world.house.till.story == (1, 1, 0)


async def test_a_bad_dleq_is_asked_for_again(world: World) -> None:
    quote = await order(world)
    the_mint(world).pay()

    def spoiled(signed: tuple[object, ...]) -> tuple[object, ...]:
        return (replace(signed[0], dleq=replace(signed[0].dleq, s=b"\x01" * 32)), *signed[1:])  # type: ignore[type-var, attr-defined]

    the_mint(world).next_mint(twist(spoiled))  # type: ignore[arg-type]
    assert (await check(world, quote)).state is QuoteState.PAID
    await recover(world)
    await credited(world, quote)


@pytest.mark.parametrize(
    ("method", "error"),
    [("restore", LOST), ("mint_quote_state", LOST), ("restore", MintBusy(1, sent=True))],
)
async def test_while_the_mint_cannot_be_asked_it_stays_open(
    world: World, method: str, error: MintError
) -> None:
    quote = await order(world)
    mint = the_mint(world)
    mint.pay()
    gate = Gate()
    mint.next_mint(wait_for(gate, lose_answer(LOST)))
    pass_time(world)
    asking = asyncio.create_task(world.house.wallet.check_quote(quote.id))
    await gate.reached.wait()
    mint.broken[method] = error
    gate.open.set()
    assert (await asking).state is QuoteState.PAID
    await recover(world)
    assert await world.states() == [SagaState.OPEN]
    mint.broken.clear()
    await recover(world)
    await credited(world, quote)


async def test_a_restart_between_paid_and_minted_finishes_it(world: World) -> None:
    """The first instance is gone with its saga stored and its request never sent."""
    quote = await order(world)
    the_mint(world).pay()
    gate = Gate()
    the_mint(world).next_mint(wait_for(gate, fail(LOST)))
    pass_time(world)
    dying = asyncio.create_task(world.house.wallet.check_quote(quote.id))
    await gate.reached.wait()
    for task in world.house.engine.running.values():
        task.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    heir = world.another_house()
    assert await heir.wallet.recover(frozenset({2})) == 1
    assert (await heir.wallet.quote(quote.id)).state is QuoteState.ISSUED
    assert heir.till.story == (0, 1, 0)
    assert await world.purse() == {FREE: 11}


async def test_a_keyset_that_rotated_meanwhile_leads_to_other_outputs(world: World) -> None:
    quote = await order(world)
    the_mint(world).rotate(Signer(fee=7))
    the_mint(world).pay()
    assert (await check(world, quote)).state is QuoteState.ISSUED
    assert await world.states() == [SagaState.FAILED, SagaState.DONE]
    assert world.house.till.story == (2, 1, 1)
    assert await world.purse() == {FREE: 11}


async def test_a_keyset_that_rotated_before_a_restart_too(world: World) -> None:
    quote = await order(world)
    mint = the_mint(world)
    mint.pay()
    mint.next_mint(fail(MintDown("no connection")))
    await check(world, quote)
    mint.rotate(Signer(fee=7))
    await recover(world)
    assert await world.states() == [SagaState.FAILED]
    assert (await check(world, quote)).state is QuoteState.ISSUED
    assert await world.purse() == {FREE: 11}


async def test_outputs_that_were_signed_before_this_database_knew_are_not_counted(
    world: World,
) -> None:
    """A backup was put back: the mint has signed these counters, for something else."""
    quote = await order(world)
    mint = the_mint(world)
    mint.pay()
    signer = next(iter(mint.signers.values()))
    for output in make_outputs(SEED, signer.id, [1, 2, 8], first_counter=0):
        mint.signed[output.blinded] = signer.sign(output)
    found = await check(world, quote)
    assert found.state is QuoteState.ISSUED
    assert await world.states() == [SagaState.FAILED, SagaState.DONE]
    assert await world.purse() == {FREE: 11}
    assert mint.calls["issued"] == 1


async def test_ecash_that_others_took_is_for_the_operator(world: World) -> None:
    quote = await order(world)
    the_mint(world).last.state = MintQuoteState.ISSUED
    assert (await check(world, quote)).state is QuoteState.LOST
    assert world.house.till.story == (0, 0, 0)


async def test_a_mint_that_took_it_itself_after_the_intent_leaves_it_open(world: World) -> None:
    quote = await order(world)
    mint = the_mint(world)
    mint.pay()
    gate = Gate()
    mint.next_mint(wait_for(gate, fail(LOST)))
    pass_time(world)
    asking = asyncio.create_task(world.house.wallet.check_quote(quote.id))
    await gate.reached.wait()
    mint.last.state = MintQuoteState.ISSUED
    gate.open.set()
    assert (await asking).state is QuoteState.PAID
    await recover(world)
    assert await world.states() == [SagaState.OPEN]
    assert "has signed nothing" in await world.scalar("SELECT problem FROM sagas")


async def test_a_mint_that_takes_back_that_it_was_paid(world: World) -> None:
    quote = await order(world)
    mint = the_mint(world)
    mint.pay()

    async def unpaid(issue: Swap) -> Signatures:
        mint.last.state = MintQuoteState.UNPAID
        return issue()

    mint.next_mint(unpaid)
    assert (await check(world, quote)).state is QuoteState.UNPAID
    assert world.house.till.story == (1, 0, 1)
    mint.pay()
    await check(world, quote)
    assert await world.purse() == {FREE: 11}


async def test_a_mint_without_restore_is_asked_for_the_quote(world: World) -> None:
    quote = await order(world)
    mint = the_mint(world)
    mint.can_restore = False
    mint.pay()
    mint.next_mint(fail(LOST))
    assert (await check(world, quote)).state is QuoteState.ISSUED
    await credited(world, quote)


@pytest.mark.parametrize("forms", [(True, True), (True, False), (False, True)])
async def test_each_form_of_signature_is_understood(world: World, forms: tuple[bool, bool]) -> None:
    the_mint(world).forms = forms
    quote = await order(world)
    the_mint(world).pay()
    await check(world, quote)
    await credited(world, quote)


async def test_a_signature_that_the_mint_never_takes_leaves_it_open(world: World) -> None:
    the_mint(world).forms = (False, False)
    quote = await order(world)
    the_mint(world).pay()
    assert (await check(world, quote)).state is QuoteState.PAID
    assert await world.states() == [SagaState.OPEN]


async def test_a_late_payment_is_credited(world: World) -> None:
    quote = await order(world)
    pass_time(world, seconds=3 * 86_400)
    assert (await check(world, quote)).state is QuoteState.UNPAID
    the_mint(world).pay()
    await check(world, quote)
    await credited(world, quote)


async def test_a_week_later_nobody_asks_by_itself_but_who_asks_is_answered(world: World) -> None:
    quote = await order(world)
    pass_time(world, seconds=GIVE_UP_MS / 1_000 + 3_700)
    assert (await check(world, quote)).state is QuoteState.EXPIRED
    await world.house.wallet.watch.poll()
    assert minter(world.house).asking == 0
    the_mint(world).pay()
    await check(world, quote)
    await credited(world, quote)


async def test_a_mint_that_is_away_is_not_taken_for_unpaid(world: World) -> None:
    quote = await order(world)
    the_mint(world).broken["mint_quote_state"] = MintDown("no connection")
    with pytest.raises(MintUnreachable):
        await check(world, quote)
    assert (await world.house.wallet.quote(quote.id)).state is QuoteState.UNPAID


async def test_nobody_asks_twice_within_a_second(world: World) -> None:
    quote = await order(world)
    await check(world, quote)
    await world.house.wallet.check_quote(quote.id)
    assert the_mint(world).calls["mint_quote_state"] == 1


async def test_stopping_leaves_a_saga_for_the_next_start(world: World) -> None:
    quote = await order(world)
    the_mint(world).pay()
    gate = Gate()
    the_mint(world).next_mint(wait_for(gate))
    pass_time(world)
    asking = asyncio.create_task(world.house.wallet.check_quote(quote.id))
    await gate.reached.wait()
    gate.open.set()
    await world.house.wallet.drain(5)
    await asyncio.gather(asking, return_exceptions=True)
    await credited(world, quote)


async def test_a_failed_booking_undoes_the_ecash_with_it(world: World) -> None:
    """Proofs, quote and ledger are one transaction."""
    quote = await order(world)
    the_mint(world).pay()
    world.house.till.failure = RuntimeError("no books")
    with pytest.raises(RuntimeError):
        await check(world, quote)
    assert await world.purse() == {}
    assert (await world.house.wallet.quote(quote.id)).state is QuoteState.PAID
    world.house.till.failure = None
    await recover(world)
    await credited(world, quote)


async def test_another_s_saga_is_not_finished_twice(world: World) -> None:
    quote = await order(world)
    the_mint(world).pay()
    await check(world, quote)
    saga = await world.house.wallet.saga(1)
    with pytest.raises(sagas.LeaseLost):
        await world.db.write(lambda tx: sagas.end_saga(tx, saga, SagaState.DONE, at=1))


async def test_several_mints_keep_their_quotes_apart(tmp_path: Path) -> None:
    second = InvoiceMint(url="https://second.example")
    async with open_orders(tmp_path, InvoiceMint(), second) as world:
        first = await order(world, 5)
        the_mint(world).pay()
        assert (await check(world, first)).state is QuoteState.ISSUED
        assert second.calls["mint_quote_state"] == 0
