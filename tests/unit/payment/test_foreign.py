"""A token of a foreign mint is worth what arrives at the primary mint, whatever goes wrong."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from routstr.auth.profile import Profiles
from routstr.auth.service import Authenticator, KeyCompletion, LateKeyCompletion
from routstr.core.clock import ManualClock
from routstr.errors import (
    DepositsClosed,
    ForeignSwapFailed,
    MintExposureReached,
    RedemptionPending,
    SourceMintUnreachable,
    TokenAlreadySpent,
    TokenBelowMinimum,
    UntrustedMint,
)
from routstr.ledger import books, verdict
from routstr.money import ZERO, Msat, Unit
from routstr.payment.audit import audit
from routstr.payment.claims import Claims
from routstr.payment.deposits import (
    FOREIGN_CREATE,
    FOREIGN_TOPUP,
    TOPUP,
    PaidCompletion,
    TopupCompletion,
)
from routstr.payment.foreign import Arrival, ForeignTokens
from routstr.payment.foreign_books import PASSING, PassingCompletion
from routstr.payment.intake import Intake
from routstr.payment.used_tokens import CREATE
from routstr.wallet import token
from routstr.wallet.mint_errors import MintDown, MintUnclear
from routstr.wallet.mint_types import ProofState
from routstr.wallet.receive import Deposit
from routstr.wallet.token import Token
from tests.unit.wallet.invoices import InvoiceMint
from tests.unit.wallet.paying_mint import fail, lose_answer
from tests.unit.wallet.signing import Signer
from tests.unit.wallet.two_mints import Source
from tests.unit.wallet.world import KEY, World, open_world

HOME, FOREIGN = "https://home.example", "https://foreign.example"
ALIVE = frozenset({1})
FACE, ARRIVES, CHANGE = 1_024, 1_011, 11
"""Sat: one of the rest is the mint's for its proof, and one is what the payment costs."""


class Desk:
    """A node that takes foreign tokens."""

    def __init__(self, world: World, *, day_sat: int = 100_000) -> None:
        self.world, clock = world, world.clock
        wallet = world.house.wallet
        wallet.register(CREATE, KeyCompletion(clock))
        wallet.register(TOPUP, TopupCompletion(clock))
        wallet.register(FOREIGN_CREATE, PaidCompletion(LateKeyCompletion(clock)))
        wallet.register(FOREIGN_TOPUP, PaidCompletion(TopupCompletion(clock)))
        wallet.register(PASSING, PassingCompletion(clock))
        foreign = ForeignTokens(world.db, wallet, clock, day_sat=day_sat, asks=1)
        self.intake = Intake(wallet, clock, foreign=foreign)
        self.auth = Authenticator(world.db, self.intake, KEY, clock)

    @property
    def source(self) -> Source:
        found = self.world.played[FOREIGN]
        assert isinstance(found, Source)
        return found

    def token(self, *amounts: int) -> str:
        return token.encode_b(self.source.token(*amounts or (FACE,)))

    async def account(self) -> int:
        """Of a key with three sat at the primary mint."""
        given = token.encode_a(self.world.mint.token(4))
        return (await self.auth.create_api_key(given)).payer.account

    async def available(self, account: int) -> int:
        return int((await self.world.db.read(lambda c: books.balance(c, account))).available)

    async def owed_as_tokens(self) -> int:
        query = "SELECT coalesce(sum(posted), 0) FROM accounts WHERE kind = 3"
        return int(await self.world.scalar(query))

    def pass_time(self, seconds: float = 120) -> None:
        clock = self.world.clock
        assert isinstance(clock, ManualClock)
        clock.advance(seconds=seconds)

    async def goes_on(self) -> None:
        """What a node does by itself after a while."""
        self.pass_time()
        wallet = self.world.house.wallet
        await wallet.recover(ALIVE)
        await wallet.watch.poll()
        await asyncio.gather(*wallet._minter._asking.values(), return_exceptions=True)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    target = InvoiceMint(Signer(fee=100), url=HOME)
    mints = target, Source(target, url=FOREIGN)
    async with open_world(tmp_path, *mints, clock=ManualClock(), foreign=(FOREIGN,)) as world:
        yield world
        outcome = await world.db.read(audit)
        assert outcome.holds, outcome.checks


@pytest.fixture
def desk(world: World) -> Desk:
    return Desk(world)


def of_sat(arrival: Arrival) -> tuple[int, int, int]:
    return (
        arrival.net_msat.sats_down,
        arrival.fee_msat.sats_down,
        arrival.change_msat.sats_down,
    )


async def test_a_key_is_worth_what_has_arrived_and_the_rest_is_told(desk: Desk) -> None:
    text = desk.token()
    created = await desk.auth.create_api_key(text)
    assert created.arrival is not None
    assert of_sat(created.arrival) == (ARRIVES, FACE - ARRIVES - CHANGE, CHANGE)
    assert created.arrival.gross_msat == Msat(FACE * 1_000)
    assert (created.payer.mint, created.payer.unit) == (HOME, Unit.SAT)
    assert await desk.available(created.payer.account) == ARRIVES * 1_000
    assert (token.decode(created.change).mint, await desk.owed_as_tokens()) == (
        FOREIGN,
        CHANGE * 1_000,
    )
    assert created.change not in repr(created)
    again = await desk.auth.create_api_key(text)
    assert (again.payer, again.fresh, again.change) == (created.payer, False, created.change)
    assert len(desk.source.paid) == 1


async def test_the_token_is_a_key_like_any_other(desk: Desk) -> None:
    text = desk.token()
    payer = await desk.auth.payer(f"Bearer {text}", minimum=Msat(ARRIVES * 1_000))
    assert await desk.auth.payer(f"Bearer {text}") == payer
    with pytest.raises(TokenBelowMinimum):
        await desk.auth.payer(f"Bearer {desk.token()}", minimum=Msat(ARRIVES * 1_000 + 1))
    assert len(desk.source.paid) == 1


async def test_a_top_up_is_told_the_same_each_time(desk: Desk) -> None:
    account, text = await desk.account(), desk.token()
    deposit = Deposit(token.decode(text), TOPUP, account, {}, ZERO)
    arrivals = await asyncio.gather(*(desk.intake.deposit(deposit) for _ in range(20)))
    assert {(one.account, one.change, *of_sat(one)) for one in arrivals} == {
        (account, arrivals[0].change, ARRIVES, FACE - ARRIVES - CHANGE, CHANGE)
    }
    assert await desk.intake.deposit(deposit) == arrivals[0]
    assert await desk.available(account) == 3_000 + ARRIVES * 1_000
    assert len(desk.source.target.ordered) == 2, "the second that was asked for fits"


async def test_another_instance_is_told_the_same_although_it_finds_the_token_spent(
    desk: Desk,
) -> None:
    account, given = await desk.account(), token.decode(desk.token())
    deposit = Deposit(given, TOPUP, account, {}, ZERO)
    other = ForeignTokens(desk.world.db, desk.world.house.wallet, desk.world.clock, day_sat=100_000)
    asks, told = desk.source.check_state, []

    async def meanwhile(ys: Sequence[bytes], **_: float | None) -> list[ProofState]:
        desk.source.check_state = asks  # type: ignore[method-assign]
        told.append(await other.receive(deposit))
        return await asks(ys)

    desk.source.check_state = meanwhile  # type: ignore[method-assign]
    assert await desk.intake.deposit(deposit) == told[0]
    assert await desk.available(account) == 3_000 + ARRIVES * 1_000


async def test_a_token_that_topped_up_is_nobody_else_s(desk: Desk) -> None:
    account, text = await desk.account(), desk.token()
    await desk.intake.deposit(Deposit(token.decode(text), TOPUP, account, {}, ZERO))
    with pytest.raises(TokenAlreadySpent):
        await desk.auth.create_api_key(text)


async def test_change_that_is_redeemed_is_owed_no_more(desk: Desk) -> None:
    created = await desk.auth.create_api_key(desk.token())
    desk.source.spend(token.decode(created.change))
    wallet = desk.world.house.wallet
    assert await Claims(desk.world.db, wallet, desk.world.clock).watch() == 1
    assert await desk.owed_as_tokens() == 0


async def test_a_lost_answer_loses_nothing(desk: Desk) -> None:
    desk.source.next_melts(lose_answer(MintUnclear("lost")))
    created = await desk.auth.create_api_key(desk.token())
    assert await desk.available(created.payer.account) == ARRIVES * 1_000


async def test_a_refusal_leaves_the_token_and_says_what_clients_know(desk: Desk) -> None:
    text = desk.token()
    desk.source.outcome = "failed"
    with pytest.raises(ForeignSwapFailed):
        await desk.auth.create_api_key(text)
    desk.source.next_melts(fail(MintDown("gone")))
    with pytest.raises(SourceMintUnreachable):
        await desk.auth.create_api_key(text)
    assert (await desk.owed_as_tokens(), desk.source.paid) == (0, [])
    desk.source.outcome = "paid"
    assert (await desk.auth.create_api_key(text)).fresh


async def test_what_is_under_way_is_pending_and_arrives_by_itself(desk: Desk) -> None:
    text = desk.token()
    desk.source.outcome = "pending"
    for _ in range(2):
        with pytest.raises(RedemptionPending):
            await desk.auth.create_api_key(text)
        desk.pass_time()
    assert len(desk.source.jobs) == 2
    desk.source.settle("quote-1")
    await desk.goes_on()
    created = await desk.auth.create_api_key(text)
    assert (created.fresh, created.change != "") == (False, True)
    assert await desk.available(created.payer.account) == ARRIVES * 1_000


async def test_money_that_has_left_waits_for_the_primary_mint(desk: Desk) -> None:
    account, text = await desk.account(), desk.token()
    deposit = Deposit(token.decode(text), TOPUP, account, {}, ZERO)
    desk.source.target.broken["mint_quote_state"] = MintDown("gone")
    for _ in range(2):
        with pytest.raises(RedemptionPending):
            await desk.intake.deposit(deposit)
    assert await desk.available(account) == 3_000, "nothing before it has arrived"
    desk.source.target.broken.clear()
    await desk.goes_on()
    assert of_sat(await desk.intake.deposit(deposit))[0] == ARRIVES
    assert await desk.available(account) == 3_000 + ARRIVES * 1_000


async def test_a_mint_that_never_says_how_it_ended_does_not_hold_the_money_up(desk: Desk) -> None:
    account, text = await desk.account(), desk.token()
    deposit = Deposit(token.decode(text), TOPUP, account, {}, ZERO)
    desk.source.next_melts(lose_answer(MintUnclear("lost")))

    async def gone(*_: Any, **__: Any) -> Any:
        raise MintDown("gone")

    desk.source.melt_quote_state = gone  # type: ignore[method-assign]
    with pytest.raises(RedemptionPending):
        await desk.intake.deposit(deposit)
    await desk.goes_on()
    arrival = await desk.intake.deposit(deposit)
    assert (of_sat(arrival), arrival.change) == ((ARRIVES, FACE - ARRIVES, 0), "")
    del desk.source.melt_quote_state
    await desk.goes_on()
    assert of_sat(await desk.intake.deposit(deposit))[2] == CHANGE, "told when it is known"


@pytest.mark.parametrize("rotates", [False, True])
async def test_an_invoice_that_is_paid_late_is_added_to_the_key(
    desk: Desk,
    rotates: bool,
) -> None:
    """A mint said that it had not paid; the same token made a key by another payment.

    A key that was rotated stays unknown: its successor's account gets the money.
    """
    text = desk.token()

    async def snatched(_pay: Any) -> Any:
        desk.source.spend(token.decode(text))
        raise MintUnclear("lost")

    desk.source.next_melts(snatched)
    with pytest.raises(TokenAlreadySpent):
        await desk.auth.create_api_key(text)
    first = desk.source.target.last.id
    for proof in token.decode(text).proofs:
        del desk.source.states[proof.y()]
    desk.pass_time(601)  # it is remembered as dead for a while
    created = await desk.auth.create_api_key(text)
    second = desk.source.target.last.id
    assert first != second
    key, world = created.payer.key, desk.world
    if rotates:
        await Profiles(world.db, KEY, world.clock).rotate(key)
    desk.source.target.pay(first)
    await desk.goes_on()
    assert await desk.available(created.payer.account) == 2 * ARRIVES * 1_000
    assert await desk.auth.knows(f"Bearer {key}") is not rotates


async def test_no_more_than_the_day_s_budget_passes(world: World) -> None:
    desk = Desk(world, day_sat=2 * FACE)
    await desk.auth.create_api_key(desk.token())
    await desk.auth.create_api_key(desk.token(512))
    with pytest.raises(MintExposureReached) as raised:
        await desk.auth.create_api_key(desk.token())
    assert raised.value.details["mints"] == [HOME]
    desk.pass_time(86_401)
    assert (await desk.auth.create_api_key(desk.token())).fresh


async def test_nothing_passes_while_the_books_are_not_right(desk: Desk) -> None:
    await desk.world.db.write(lambda tx: verdict.close(tx, 1, "an equation"))
    with pytest.raises(DepositsClosed):
        await desk.auth.create_api_key(desk.token())
    assert desk.source.paid == []


async def test_money_that_has_left_is_credited_also_while_deposits_are_closed(desk: Desk) -> None:
    text = desk.token()
    desk.source.outcome = "pending"
    with pytest.raises(RedemptionPending):
        await desk.auth.create_api_key(text)
    await desk.world.db.write(lambda tx: verdict.close(tx, 1, "an equation"))
    desk.source.settle("quote-1")
    await desk.goes_on()
    assert not (await desk.auth.create_api_key(text)).fresh


async def test_a_token_that_was_redeemed_while_its_mint_was_listed(desk: Desk) -> None:
    account, text = await desk.account(), desk.token()
    deposit = Deposit(token.decode(text), TOPUP, account, {}, ZERO)
    listing = Desk(replace(desk.world, house=replace(desk.world, foreign=()).another_house(1)))
    arrival = await listing.intake.deposit(deposit)
    assert await desk.intake.deposit(deposit) == arrival


async def test_for_anything_but_a_balance_a_foreign_token_is_refused(desk: Desk) -> None:
    given = token.decode(desk.token())
    with pytest.raises(UntrustedMint):
        await desk.intake.receive(Deposit(given, "payment", None, {}, ZERO))
    assert not desk.source.calls


async def test_without_foreign_mints_nothing_is_asked(world: World) -> None:
    intake = Intake(world.house.wallet, world.clock)
    given = Token(FOREIGN, Unit.SAT, world.mint.token(64).proofs)
    with pytest.raises(UntrustedMint):
        await intake.deposit(Deposit(given, TOPUP, 1, {}, ZERO))
    assert await intake.change(given) == ""
