"""A token that pays for one request, on a real ledger and wallet and a played mint."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from routstr.errors import (
    BalanceTooSmall,
    DepositsClosed,
    FeesExceedAmount,
    InvalidToken,
    MintRefused,
    MintUnreachable,
    NothingToRefund,
    RedemptionPending,
    RefundNotFound,
    RefundPending,
    RoutstrError,
    TokenAlreadySpent,
    TokenBelowMinimum,
    UntrustedMint,
    WalletError,
)
from routstr.ledger import books
from routstr.ledger.accounts import open_account
from routstr.ledger.entries import AccountKind, Held, HoldRequest, Refused, Settlement
from routstr.ledger.service import Ledger
from routstr.money import ZERO, Msat, Unit
from routstr.payment import x_cashu
from routstr.payment.audit import audit
from routstr.payment.change import Change
from routstr.payment.deposits import TOPUP, TopupCompletion
from routstr.payment.intake import Intake
from routstr.payment.refund import Refunds
from routstr.payment.refund_books import REFUND, RefundCompletion
from routstr.payment.used_tokens import PAYMENT
from routstr.payment.x_cashu import Payment, PaymentCompletion, XCashu
from routstr.wallet import token
from routstr.wallet.mint_errors import MintCode, MintDown, MintUnclear
from tests.unit.wallet.played_mint import Gate, PlayedMint, fail, lose_answer, refuse, wait_for
from tests.unit.wallet.signing import Signer
from tests.unit.wallet.world import House, World, deposit, open_world

SECOND = "https://second.example"


class Node:
    """As much of a node as a token per request needs."""

    def __init__(self, world: World, ledger: Ledger, house: House | None = None) -> None:
        self.world = world
        self.ledger = ledger
        wallet = (house or world.house).wallet
        wallet.register(PAYMENT, PaymentCompletion(world.clock))
        wallet.register(TOPUP, TopupCompletion(world.clock))
        wallet.register(REFUND, RefundCompletion(world.clock))
        self.refunds = Refunds(world.db, wallet, world.clock)
        self.x_cashu = XCashu(Intake(wallet, world.clock), wallet, self.refunds)

    def text(self, *amounts: int, unit: str = "sat") -> str:
        signers = self.world.mint.signers.values()
        signer = next(one for one in signers if one.info.unit == unit)
        return token.encode_b(self.world.mint.token(*amounts, signer=signer))

    async def redeem(self, text: str, *, minimum: Msat = ZERO) -> Payment:
        return await self.x_cashu.redeem(text, minimum=minimum)

    async def claim(self, text: str) -> str:
        return (await self.x_cashu.claim(text))[1].token

    async def hold(self, payment: Payment, msat: int) -> Held | Refused:
        amount = Msat(msat)
        return await self.ledger.hold(
            HoldRequest(payment.account, amount, amount, "r", "m", "e", 1, "", closes=True)
        )

    async def spend(self, payment: Payment, msat: int) -> Msat:
        """Serve the request: what the account owns afterwards."""
        held = await self.hold(payment, msat)
        assert isinstance(held, Held)
        end = Settlement(held.hold, Msat(msat), 1, 1, estimated=False)
        return (await self.ledger.settle(end)).available

    async def owned(self, payment: Payment) -> int:
        return int((await self.world.db.read(lambda c: books.balance(c, payment.account))).total)

    def redeemable(self, text: str) -> int:
        """Redeem a token at its mint as its owner would: its face value."""
        given = token.decode(text)
        mint = self.world.played[given.mint]
        assert {mint.states.get(proof.y()) for proof in given.proofs} == {None}
        mint.spend(given)
        return given.amount


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    mints = (
        PlayedMint(Signer(fee=100), Signer(unit="msat", fee=100)),
        PlayedMint(Signer(), url=SECOND),
    )
    async with open_world(tmp_path, *mints) as world:
        yield world
        outcome = await world.db.read(audit)
        assert outcome.holds, outcome.checks


async def new_node(world: World, house: House | None = None) -> Node:
    accounts = await Ledger.open_books(world.db, world.clock)
    return Node(world, Ledger(world.db, world.clock, 1, accounts), house)


@pytest.fixture
async def node(world: World) -> Node:
    return await new_node(world)


class TestRedeeming:
    async def test_a_token_becomes_an_account_that_pays_for_one_request(
        self, world: World, node: Node
    ) -> None:
        payment = await node.redeem(node.text(16, 4), minimum=Msat(19_000))
        assert (payment.mint, payment.unit) == (world.mint.url, Unit.SAT)
        assert (payment.credited, payment.mint_fee) == (Msat(19_000), Msat(1_000))
        assert payment.key_id == "payment_1"
        kind = await world.scalar("SELECT kind FROM accounts WHERE id = :id", id=payment.account)
        assert (kind, await node.owned(payment)) == (AccountKind.PAYMENT, 19_000)
        assert isinstance(await node.hold(payment, 5_000), Held)
        second = await node.hold(payment, 1)
        assert isinstance(second, Refused)
        assert second.closed

    async def test_a_token_that_is_worth_too_little_is_not_redeemed(
        self, world: World, node: Node
    ) -> None:
        with pytest.raises(TokenBelowMinimum) as raised:
            await node.redeem(node.text(16, 4), minimum=Msat(19_001))
        assert raised.value.headers == {}, "its header asks for another token"
        assert (world.mint.calls["swap"], await world.states()) == (0, [])

    async def test_the_same_token_names_the_same_account(self, world: World, node: Node) -> None:
        given = world.mint.token(16, 4)
        other = replace(given, proofs=given.proofs[::-1])
        texts = [token.encode_a(given), token.encode_b(other)]
        made = await asyncio.gather(*(node.redeem(texts[n % 2]) for n in range(20)))
        assert len({payment.account for payment in made}) == 1
        assert world.mint.circulation == 1

    async def test_it_pays_whenever_it_is_sent_again_until_it_has_paid(
        self, world: World, node: Node
    ) -> None:
        """Its first request may have heard that the mint did not answer in time."""
        text = node.text(16)
        world.mint.next(lose_answer(MintUnclear("lost")))
        world.mint.broken["restore"] = MintDown("gone")
        with pytest.raises(RedemptionPending):
            await node.redeem(text)
        world.mint.broken.clear()
        assert isinstance(await node.hold(await node.redeem(text), 100), Held)
        assert isinstance(await node.hold(await node.redeem(text), 100), Refused)

    async def test_a_token_that_topped_up_a_key_pays_for_nothing(
        self, world: World, node: Node
    ) -> None:
        given = world.mint.token(16)
        owner = await world.db.write(lambda tx: open_account(tx, AccountKind.KEY, 5))
        wish = replace(deposit(given, purpose=TOPUP), account=owner)
        await world.house.wallet.receive(wish)
        with pytest.raises(TokenAlreadySpent) as raised:
            await node.redeem(token.encode_b(given))
        assert raised.value.headers == {}
        with pytest.raises(RefundNotFound):
            await node.claim(token.encode_b(given))

    async def test_a_part_of_a_token_that_paid_is_refused(self, world: World, node: Node) -> None:
        given = world.mint.token(16, 4)
        await node.redeem(token.encode_b(given))
        part = token.encode_b(replace(given, proofs=given.proofs[:1]))
        with pytest.raises(TokenAlreadySpent):
            await node.redeem(part)
        with pytest.raises(TokenAlreadySpent):
            await node.claim(part)

    async def test_a_payment_shows_no_secret(self, node: Node) -> None:
        text = node.text(16)
        payment = await node.redeem(text)
        owned = await node.spend(payment, 1_000)
        change = await payment.give_back(owned)
        assert change.token
        assert change.token not in f"{change!r} {payment!r}"


class TestRefusing:
    """The token is shown in the answer only if it certainly was not redeemed."""

    async def refusal(self, node: Node, text: str, error: type[RoutstrError]) -> RoutstrError:
        with pytest.raises(error) as raised:
            await node.redeem(text)
        assert type(raised.value) is error
        return raised.value

    async def test_a_mint_that_is_away(self, world: World, node: Node) -> None:
        world.mint.broken["check_state"] = MintDown("gone")
        text = node.text(16)
        error = await self.refusal(node, text, MintUnreachable)
        assert error.headers == {"Retry-After": "5", "X-Cashu": text}
        assert text not in error.message + str(error)

    async def test_a_mint_that_refuses(self, world: World, node: Node) -> None:
        world.mint.next(refuse(MintCode.TOO_MANY_INPUTS))
        text = node.text(16)
        assert (await self.refusal(node, text, MintRefused)).headers == {"X-Cashu": text}

    async def test_a_mint_that_is_not_listed(self, node: Node) -> None:
        text = token.encode_b(PlayedMint(url="https://other.example").token(16))
        assert (await self.refusal(node, text, UntrustedMint)).headers == {"X-Cashu": text}

    async def test_a_token_that_is_not_worth_its_fee(self, node: Node) -> None:
        text = node.text(1)
        assert (await self.refusal(node, text, FeesExceedAmount)).headers == {"X-Cashu": text}

    async def test_closed_deposits(self, world: World, node: Node) -> None:
        async def admitted() -> None:
            raise DepositsClosed

        wallet = world.house.wallet
        intake = Intake(wallet, world.clock, admitted=admitted)
        node.x_cashu = XCashu(intake, wallet, node.refunds)
        text = node.text(16)
        assert (await self.refusal(node, text, DepositsClosed)).headers == {"X-Cashu": text}

    async def test_a_token_too_long_for_a_header_is_not_shown(
        self, world: World, node: Node
    ) -> None:
        world.mint.broken["check_state"] = MintDown("gone")
        text = node.text(*([64] * 40))
        assert len(text) > 8_000
        assert "X-Cashu" not in (await self.refusal(node, text, MintUnreachable)).headers

    async def test_a_spent_token_is_not_shown(self, world: World, node: Node) -> None:
        given = world.mint.token(16)
        world.mint.spend(given)
        assert (await self.refusal(node, token.encode_b(given), TokenAlreadySpent)).headers == {}

    async def test_a_token_that_may_be_spent_is_not_shown(self, world: World, node: Node) -> None:
        world.mint.next(lose_answer(MintUnclear("lost")))
        world.mint.broken["restore"] = MintDown("gone")
        error = await self.refusal(node, node.text(16), RedemptionPending)
        assert error.headers == {"Retry-After": "5"}

    async def test_a_token_whose_saga_is_open_is_not_shown(self, world: World, node: Node) -> None:
        """Whatever else goes wrong: the saga will redeem it."""
        text = node.text(16)
        world.mint.next(lose_answer(MintUnclear("lost")))
        world.mint.broken["restore"] = MintDown("gone")
        await self.refusal(node, text, RedemptionPending)
        restarted = world.another_house()
        world.mint.broken["keysets"] = MintDown("gone")
        error = MintUnreachable()
        given = token.decode(text)
        again = await new_node(world, restarted)
        await again.x_cashu._echo(error, text, given)
        assert error.headers == {}

    @pytest.mark.parametrize("text", ["cashuBnonsense", "x", "cashuA", ""])
    async def test_what_is_no_token_is_not_shown(self, node: Node, text: str) -> None:
        assert (await self.refusal(node, text, InvalidToken)).headers == {}
        with pytest.raises(InvalidToken):
            await node.claim(text)


class TestChange:
    async def test_what_is_left_comes_back_in_whole_units(self, world: World, node: Node) -> None:
        payment = await node.redeem(node.text(32, 1))
        owned = await node.spend(payment, 2_345)
        calls = world.mint.calls.copy()
        change = await payment.give_back(owned)
        given = token.decode(change.token)
        assert (given.mint, given.unit, given.amount) == (world.mint.url, Unit.SAT, 28)
        assert change == Change(
            token=change.token, amount=Msat(28_000), mint_fee=Msat(2_000), left=Msat(655)
        )
        assert 2_345 + int(change.amount + change.mint_fee + change.left) == 33_000
        assert await node.owned(payment) == 655
        assert world.mint.calls - calls == {"swap": 1, "swapped": 1}, "one round trip to the mint"
        assert node.redeemable(change.token) == 28

    async def test_coins_that_fit_need_no_mint_and_cost_nothing(
        self, world: World, node: Node
    ) -> None:
        payment = await node.redeem(node.text(16, 4))
        owned = await node.spend(payment, 3_000)
        calls = world.mint.calls.copy()
        change = await payment.give_back(owned)
        assert (change.amount, change.mint_fee, change.left) == (Msat(16_000), Msat(1_000), ZERO)
        assert world.mint.calls == calls

    async def test_in_msat_nothing_stays(self, node: Node) -> None:
        payment = await node.redeem(node.text(4_096, 1, unit="msat"))
        change = await payment.give_back(await node.spend(payment, 345))
        assert (change.amount, change.left) == (Msat(4_096 - 345 - 1), ZERO)
        assert change.mint_fee == Msat(2)

    @pytest.mark.parametrize("cost", [16_000, 15_001, 15_000], ids=["none", "dust", "fee"])
    async def test_what_is_not_worth_a_token_stays(
        self, world: World, node: Node, cost: int
    ) -> None:
        payment = await node.redeem(node.text(16, 1))
        owned = await node.spend(payment, cost)
        swaps = world.mint.calls["swap"]
        change = await payment.give_back(owned)
        assert change == Change(mint_fee=Msat(1_000), left=Msat(16_000 - cost))
        assert world.mint.calls["swap"] == swaps

    @pytest.mark.parametrize("trouble", ["away", "busy with it", "too slow"])
    async def test_a_mint_in_trouble_makes_it_pending_and_it_can_be_claimed(
        self, world: World, node: Node, trouble: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        text = node.text(16, 1)
        payment = await node.redeem(text)
        owned = await node.spend(payment, 2_000)
        gate = Gate()
        if trouble == "away":
            world.mint.next(fail(MintDown("gone")))
        elif trouble == "busy with it":
            world.mint.next(lose_answer(MintUnclear("lost")))
            world.mint.broken["restore"] = MintDown("gone")
        else:
            monkeypatch.setattr(x_cashu, "CHANGE_SECONDS_MAX", 0.05)
            world.mint.next(wait_for(gate))
        change = await payment.give_back(owned)
        assert change == Change(mint_fee=Msat(1_000), left=Msat(14_000), pending=True)

        gate.open.set()
        world.mint.broken.clear()
        assert node.redeemable(await node.claim(text)) == 13

    async def test_it_is_not_made_elsewhere_while_its_mint_is_away(
        self, world: World, node: Node
    ) -> None:
        """The wallet that paid may not know any other mint."""
        rich = world.played[SECOND].token(64)
        await world.house.wallet.receive(replace(deposit(rich, purpose=PAYMENT), account=None))
        text = node.text(16, 1)
        payment = await node.redeem(text)
        owned = await node.spend(payment, 2_000)
        world.mint.next(fail(MintDown("gone")), fail(MintDown("gone")))
        assert (await payment.give_back(owned)).pending
        with pytest.raises(MintUnreachable):
            await node.claim(text)
        assert token.decode(await node.claim(text)).mint == world.mint.url

    async def test_everything_is_pending_before_anything_happened(self, node: Node) -> None:
        payment = await node.redeem(node.text(16, 1))
        assert payment.unanswered == Change(mint_fee=Msat(1_000), left=Msat(16_000), pending=True)


class TestClaiming:
    async def test_who_has_the_token_gets_the_same_change_every_time(
        self, world: World, node: Node
    ) -> None:
        given = world.mint.token(16, 1)
        text = token.encode_b(given)
        payment = await node.redeem(text)
        change = await payment.give_back(await node.spend(payment, 2_345))
        for spelling in (text, token.encode_a(given), f"cashu:{text}"):
            owner, refund = await node.x_cashu.claim(spelling)
            assert (owner, refund.token, refund.repeated) == (payment, change.token, True)
            assert (refund.amount, refund.mint_fee) == (12, Msat(1_000))
        node.redeemable(change.token)
        assert await node.claim(text) == change.token, "also when it was redeemed"

    async def test_many_at_once_and_the_request_itself_get_one_token(
        self, world: World, node: Node
    ) -> None:
        text = node.text(16, 4)
        payment = await node.redeem(text)
        owned = await node.spend(payment, 2_345)
        claiming = [asyncio.create_task(node.claim(text)) for _ in range(20)]
        change = await payment.give_back(owned)
        claimed = await asyncio.gather(*claiming)
        assert {change.token} == set(claimed)
        assert change.left == Msat(655)

    async def test_a_token_that_was_never_seen_is_not_found(self, world: World, node: Node) -> None:
        text = node.text(16, 1)
        with pytest.raises(RefundNotFound):
            await node.claim(text)
        assert (world.mint.calls["swap"], await world.states()) == (0, [])

    async def test_a_token_that_was_refused_is_not_found(self, world: World, node: Node) -> None:
        text = node.text(16, 1)
        world.mint.next(fail(MintDown("gone")))
        with pytest.raises(WalletError):
            await node.redeem(text)
        with pytest.raises(RefundNotFound):
            await node.claim(text)

    async def test_a_claim_waits_for_what_is_under_way(self, world: World, node: Node) -> None:
        text = node.text(16, 1)
        gate = Gate()
        world.mint.next(wait_for(gate))
        redeeming = asyncio.create_task(node.redeem(text))
        await gate.reached.wait()
        await self.pending(node, text)
        gate.open.set()
        payment = await redeeming
        held = await node.hold(payment, 2_000)
        assert isinstance(held, Held)
        await self.pending(node, text)
        await node.ledger.release(held.hold)
        assert node.redeemable(await node.claim(text)) == 16

    async def test_a_claim_does_not_wait_for_a_mint_that_does_not_know(
        self, world: World, node: Node
    ) -> None:
        text = node.text(16, 1)
        payment = await node.redeem(text)
        owned = await node.spend(payment, 2_000)
        world.mint.next(lose_answer(MintUnclear("lost")))
        world.mint.broken["restore"] = MintDown("gone")
        await payment.give_back(owned)
        await self.pending(node, text)
        world.mint.broken.clear()
        assert node.redeemable(await node.claim(text)) == 13

    async def pending(self, node: Node, text: str) -> None:
        with pytest.raises(RefundPending) as raised:
            await node.claim(text)
        assert raised.value.headers == {"Retry-After": "2"}

    async def test_where_nothing_is_left_and_nothing_was_given(
        self, world: World, node: Node
    ) -> None:
        for cost, error in ((16_000, NothingToRefund), (15_400, BalanceTooSmall)):
            text = node.text(16, 1)
            payment = await node.redeem(text)
            await node.spend(payment, cost)
            with pytest.raises(error):
                await node.claim(text)

    async def test_a_claim_before_the_request_leaves_nothing_for_it(self, node: Node) -> None:
        text = node.text(16, 1)
        payment = await node.redeem(text)
        assert node.redeemable(await node.claim(text)) == 16
        refused = await node.hold(payment, 1_000)
        assert isinstance(refused, Refused)
        assert refused.available == ZERO

    async def test_after_a_crash_everything_can_be_claimed(self, world: World, node: Node) -> None:
        text = node.text(16, 1)
        held = await node.hold(await node.redeem(text), 2_000)
        assert isinstance(held, Held)
        again = await new_node(world, world.another_house())
        await self.pending(again, text)
        await again.ledger.release(held.hold, expire=True)
        assert again.redeemable(await again.claim(text)) == 16

    async def test_a_node_that_lacks_the_money_there_gives_it_elsewhere(
        self, world: World, node: Node
    ) -> None:
        text = node.text(16, 1)
        payment = await node.redeem(text)
        owned = await node.spend(payment, 2_000)
        owner = await world.db.write(lambda tx: open_account(tx, AccountKind.KEY, 5))
        wish = deposit(world.played[SECOND].token(16), purpose=TOPUP)
        await world.house.wallet.receive(replace(wish, account=owner))
        await node.refunds.refund(owner, world.mint.url, Unit.SAT)  # with the coins of this mint

        change = await payment.give_back(owned)
        assert (token.decode(change.token).mint, change.amount) == (SECOND, Msat(14_000))
        assert await node.claim(text) == change.token

    async def test_change_in_parts_comes_in_the_answer_and_by_a_claim(
        self, world: World, node: Node
    ) -> None:
        text = node.text(16, 1)
        payment = await node.redeem(text)
        owned = await node.spend(payment, 2_000)
        owner = await world.db.write(lambda tx: open_account(tx, AccountKind.KEY, 5))
        wish = deposit(world.played[SECOND].token(8), purpose=TOPUP)
        await world.house.wallet.receive(replace(wish, account=owner))
        await node.refunds.refund(owner, world.mint.url, Unit.SAT)  # with the coins of this mint

        change = await payment.give_back(owned)
        assert change.pending, "an answer has room for one token"
        _, refund = await node.x_cashu.claim(text)
        assert refund.token == change.token
        assert {part.mint for part in refund.parts} == {SECOND, world.mint.url}
        assert owned == change.amount + change.left  # the first mint takes no fee
        given = sum(int(part.worth + part.mint_fee) for part in refund.parts)
        assert given + await node.owned(payment) == owned
        for part in refund.parts:
            node.redeemable(part.token)
        with pytest.raises(NothingToRefund):
            await node.refunds.refund(payment.account, payment.mint, payment.unit, home=True)
        assert (await node.x_cashu.claim(text))[1].parts == refund.parts
