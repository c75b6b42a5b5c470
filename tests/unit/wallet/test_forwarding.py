"""A token's own mint pays an invoice of another one with it: once, or the token is as it was."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from routstr.core.clock import ManualClock
from routstr.errors import (
    FeesExceedAmount,
    InvalidToken,
    LightningFailed,
    MintExposureReached,
    MintRateLimited,
    MintRefused,
    MintUnreachable,
    RedemptionPending,
    RoutstrError,
    SourceMintUnreachable,
    TokenAlreadySpent,
    TokenBelowMinimum,
    TokenTooLarge,
    UntrustedMint,
)
from routstr.money import Msat, Unit
from routstr.wallet import token
from routstr.wallet.exposure import Exposure
from routstr.wallet.forwarding import QUOTE, Forward
from routstr.wallet.mint_errors import (
    MintBusy,
    MintCode,
    MintDown,
    MintError,
    MintRefusal,
    MintUnclear,
)
from routstr.wallet.models import QuoteState, SagaKind, SagaState
from routstr.wallet.ordering import Order
from routstr.wallet.sagas import Saga
from routstr.wallet.token import Token
from tests.unit.wallet.invoices import InvoiceMint
from tests.unit.wallet.paying_mint import fail, lose_answer, wait_for
from tests.unit.wallet.played_mint import Gate
from tests.unit.wallet.signing import Signer
from tests.unit.wallet.two_mints import Source
from tests.unit.wallet.world import ACCOUNT, PURPOSE, House, World, deposit, open_world

HOME, FOREIGN = "https://home.example", "https://foreign.example"
FACE, FEE, RESERVE, COST = 1_024, 1, 12, 1
"""Of one proof: the input fee, the reserve of 2 and a hundredth, and what is taken of it."""
ARRIVES = FACE - FEE - RESERVE
ALIVE = frozenset({1})


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    target = InvoiceMint(Signer(fee=100), url=HOME)
    mints = target, Source(target, url=FOREIGN)
    async with open_world(tmp_path, *mints, clock=ManualClock(), foreign=(FOREIGN,)) as world:
        yield world


@pytest.fixture
def source(world: World) -> Source:
    found = world.played[FOREIGN]
    assert isinstance(found, Source)
    return found


def wish(given: Token, *, minimum: int = 0, cost_sat: int = 100) -> Forward:
    order = Order(HOME, Unit.SAT, 0, PURPOSE, ACCOUNT, {"note": 1})
    return Forward(given, order, PURPOSE, Msat(minimum), Unit.SAT.to_msat(cost_sat))


async def forward(house: House, given: Token, **more: int) -> Saga:
    saga = await house.wallet.forward(wish(given, **more))
    assert saga is not None
    return saga


async def quotes(world: World) -> list[tuple[int, QuoteState]]:
    found = await world.db.read(
        lambda c: c.exec_driver_sql("SELECT amount, state FROM mint_quotes ORDER BY id").all()
    )
    return [(row[0], QuoteState(row[1])) for row in found]


async def claims(world: World) -> int:
    return int(await world.scalar("SELECT count(*) FROM claimed_y"))


def listing(world: World) -> House:
    """A process for which the foreign mint is a listed one."""
    return House(world.db, world.clock, world.played, 1)


async def require_as_it_was(world: World, source: Source, given: Token) -> None:
    """Nothing is spent, nothing is owed, and the token can be given again."""
    assert (source.paid, await claims(world)) == ([], 0)
    assert SagaState.OPEN not in await world.states()
    assert await world.scalar("SELECT count(*) FROM issued_tokens") == 0
    saga = await forward(world.house, given)
    assert saga.state is SagaState.DONE


async def test_the_largest_invoice_that_fits_is_paid_and_the_rest_is_a_token(
    world: World, source: Source
) -> None:
    saga = await forward(world.house, source.token(FACE))
    assert (saga.kind, saga.state, saga.mint) == (SagaKind.FORWARD, SagaState.DONE, FOREIGN)
    assert (saga.plan.pay, saga.plan.face, saga.spent) == (ARRIVES, FACE, ARRIVES + COST + FEE)
    assert source.paid == [source.target.last.request]
    text = await world.house.wallet.change_of(saga)
    change = token.decode(text)
    assert (change.mint, change.amount) == (FOREIGN, RESERVE - COST)
    assert await quotes(world) == [(ARRIVES, QuoteState.UNPAID)], "what did not fit is not stored"
    assert text.encode() not in world.written()
    quote = await world.house.wallet.check_quote(saga.context[QUOTE])
    assert (quote.state, quote.purpose, quote.account) == (QuoteState.ISSUED, PURPOSE, ACCOUNT)


async def test_the_change_is_good(world: World, source: Source) -> None:
    saga = await forward(world.house, source.token(FACE))
    change = token.decode(await world.house.wallet.change_of(saga))
    assert (await listing(world).receive(change)).state is SagaState.DONE
    (issued,) = await world.house.wallet.unclaimed(None, 9)
    assert await world.house.wallet.is_claimed(issued)


async def test_a_token_that_leaves_nothing_leaves_no_token(world: World, source: Source) -> None:
    source.cost = RESERVE
    saga = await forward(world.house, source.token(FACE))
    assert (saga.state, saga.spent) == (SagaState.DONE, FACE)
    assert await world.house.wallet.change_of(saga) == ""
    assert await world.scalar("SELECT count(*) FROM issued_tokens") == 0


async def test_a_token_in_msat_arrives_in_sat(world: World, source: Source) -> None:
    (signer,) = (s for s in source.signers.values() if s.info.unit == "msat")
    saga = await forward(world.house, source.token(1 << 19, 1 << 10, signer=signer))
    assert saga.plan.pay % 1_000 == 0
    change = token.decode(await world.house.wallet.change_of(saga))
    assert (change.unit, change.amount) == (Unit.MSAT, saga.plan.face - (saga.spent or 0))


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"minimum": ARRIVES * 1_000 + 1}, TokenBelowMinimum),
        ({"cost_sat": FEE + RESERVE - 1}, FeesExceedAmount),
    ],
)
async def test_too_little_would_arrive(
    world: World, source: Source, more: dict[str, int], error: type[RoutstrError]
) -> None:
    given = source.token(FACE)
    with pytest.raises(error):
        await forward(world.house, given, **more)
    await require_as_it_was(world, source, given)


async def test_a_token_that_only_pays_fees_is_refused(world: World, source: Source) -> None:
    with pytest.raises(FeesExceedAmount):
        await forward(world.house, source.token(2))
    assert (source.paid, await quotes(world)) == ([], [])


async def test_a_mint_that_wants_more_each_time_is_refused(world: World, source: Source) -> None:
    given = source.token(FACE)
    asked = source.melt_quote

    async def greedy(*arguments: Any, **named: Any) -> Any:
        source.extra += 5
        return await asked(*arguments, **named)

    source.melt_quote = greedy  # type: ignore[method-assign]
    with pytest.raises(MintRefused):
        await forward(world.house, given)
    assert (source.paid, await quotes(world), await claims(world)) == ([], [], 0)


async def test_only_foreign_and_listed_mints_are_spoken_to(world: World, source: Source) -> None:
    unknown = Token("https://unknown.example", Unit.SAT, source.token(64).proofs)
    with pytest.raises(UntrustedMint):
        await forward(world.house, unknown)
    with pytest.raises(UntrustedMint):
        await world.house.receive(source.token(64))
    assert not source.calls


async def test_the_limits_hold(world: World, source: Source) -> None:
    world.house.mints.exposure = Exposure(world.db, (HOME,), by_mint={HOME: 100})
    with pytest.raises(MintExposureReached):
        await forward(world.house, source.token(FACE))
    with pytest.raises(TokenTooLarge):
        await forward(world.house, source.token(*[1 << 19] * 2))
    assert await quotes(world) == []


@pytest.mark.parametrize(
    ("method", "problem", "error"),
    [
        ("keysets", MintDown("gone"), SourceMintUnreachable),
        ("check_state", MintBusy(3), MintRateLimited),
        ("melt_quote", MintUnclear("what"), SourceMintUnreachable),
        ("melt_quote", MintRefusal(1, "no"), MintRefused),
    ],
)
async def test_trouble_before_anything_is_spent(
    world: World, source: Source, method: str, problem: MintError, error: type[RoutstrError]
) -> None:
    given = source.token(FACE)
    source.broken[method] = problem
    with pytest.raises(error):
        await forward(world.house, given)
    del source.broken[method]
    await require_as_it_was(world, source, given)


async def test_the_target_s_trouble_is_told_as_its_own(world: World, source: Source) -> None:
    source.target.broken["mint_quote"] = MintDown("gone")
    with pytest.raises(MintUnreachable) as raised:
        await forward(world.house, source.token(FACE))
    assert type(raised.value) is MintUnreachable


@pytest.mark.parametrize(
    ("problem", "error"),
    [
        (MintDown("gone"), SourceMintUnreachable),
        (MintBusy(3, sent=False), MintRateLimited),
        (MintRefusal(MintCode.PAYMENT_FAILED, "no route"), LightningFailed),
        (MintRefusal(MintCode.PROOFS_INVALID, "who"), InvalidToken),
        (MintRefusal(1, "no"), MintRefused),
    ],
)
async def test_a_mint_that_does_not_pay_leaves_the_token(
    world: World, source: Source, problem: MintError, error: type[RoutstrError]
) -> None:
    given = source.token(FACE)
    source.next_melts(fail(problem))
    with pytest.raises(error):
        await forward(world.house, given)
    assert await quotes(world) == [(ARRIVES, QuoteState.EXPIRED)], "nobody asks about it"
    await require_as_it_was(world, source, given)
    assert world.house.till.story == (2, 1, 1)


async def test_a_token_that_somebody_spends_meanwhile_is_spent(
    world: World, source: Source
) -> None:
    given = source.token(FACE)

    async def snatched(_pay: Any) -> Any:
        source.spend(given)
        raise MintRefusal(MintCode.PROOFS_SPENT, "spent")

    source.next_melts(snatched)
    with pytest.raises(TokenAlreadySpent):
        await forward(world.house, given)
    assert await quotes(world) == [(ARRIVES, QuoteState.UNPAID)], "its payment would be credited"
    assert (await world.states(), await claims(world)) == ([SagaState.FAILED], 0)


async def test_a_keyset_that_rotates_meanwhile_is_left(world: World, source: Source) -> None:
    given = source.token(FACE)

    async def rotated(pay: Any) -> Any:
        source.rotate(Signer(fee=200))
        return pay()

    source.next_melts(rotated)
    saga = await forward(world.house, given)
    assert (saga.state, len(source.paid)) == (SagaState.DONE, 1)
    assert await world.states() == [SagaState.FAILED, SagaState.DONE]


async def test_a_lost_answer_loses_nothing(world: World, source: Source) -> None:
    source.next_melts(lose_answer(MintUnclear("lost")))
    saga = await forward(world.house, source.token(FACE))
    assert saga.state is SagaState.DONE
    change = token.decode(await world.house.wallet.change_of(saga))
    assert change.amount == RESERVE - COST


async def test_a_pending_payment_stays_open_and_ends_either_way(
    world: World, source: Source
) -> None:
    source.outcome = "pending"
    good, bad = source.token(FACE), source.token(512)
    sagas = [await forward(world.house, given) for given in (good, bad)]
    assert [saga.state for saga in sagas] == [SagaState.OPEN] * 2
    with pytest.raises(RedemptionPending):
        await world.house.wallet.finish_forward(sagas[0].id)
    with pytest.raises(RedemptionPending):
        await listing(world).receiver.receive(deposit(good))
    source.settle(sagas[0].plan.quote)
    source.give_up(sagas[1].plan.quote)
    source.outcome = "failed"
    assert (await world.house.wallet.finish_forward(sagas[0].id)).state is SagaState.DONE
    await world.house.wallet.recover(ALIVE)
    assert await world.states() == [SagaState.DONE, SagaState.FAILED]
    source.outcome = "paid"
    assert (await forward(world.house, bad)).state is SagaState.DONE


async def test_another_process_takes_over_what_a_dead_one_began(
    world: World, source: Source
) -> None:
    async def paid_and_gone(pay: Any) -> Any:
        pay()
        source.broken["melt_quote_state"] = MintDown("gone")
        raise MintUnclear("lost")

    source.next_melts(paid_and_gone)
    saga = await forward(world.house, source.token(FACE))
    assert saga.state is SagaState.OPEN
    source.broken.clear()
    heir = world.another_house()
    assert await heir.wallet.recover(frozenset({2})) == 1
    assert (await heir.wallet.saga(saga.id)).state is SagaState.DONE
    assert len(source.paid) == 1


async def test_one_of_many_has_the_token(world: World, source: Source) -> None:
    given, gate = source.token(FACE), Gate()
    source.next_melts(wait_for(gate))
    first = asyncio.create_task(world.house.wallet.forward(wish(given)))
    await gate.reached.wait()
    assert await world.another_house().wallet.forward(wish(given)) is None
    gate.open.set()
    saga = await first
    assert saga is not None
    assert (saga.state, len(source.paid)) == (SagaState.DONE, 1)
    with pytest.raises(TokenAlreadySpent):
        await listing(world).receiver.receive(deposit(given))


async def test_what_the_purpose_refuses_is_not_begun(world: World, source: Source) -> None:
    given = source.token(FACE)
    world.house.till.refusal = RoutstrError("closed")
    with pytest.raises(RoutstrError, match="closed"):
        await forward(world.house, given)
    assert (await world.states(), await quotes(world), await claims(world)) == ([], [], 0)
    world.house.till.refusal = None
    await require_as_it_was(world, source, given)
