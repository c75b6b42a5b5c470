from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from routstr.core.clock import ManualClock
from routstr.errors import DepositsClosed, InvalidToken, TokenAlreadySpent
from routstr.ledger import verdict
from routstr.money import ZERO
from routstr.payment.audit import audit
from routstr.payment.donations import DONATION, REF_CHARS_MAX, DonationCompletion, donate
from routstr.payment.intake import Intake
from routstr.wallet import token
from routstr.wallet.receive import Deposit
from tests.unit.wallet.played_mint import PlayedMint
from tests.unit.wallet.signing import Signer
from tests.unit.wallet.world import World, open_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path, PlayedMint(Signer(fee=100)), clock=ManualClock()) as world:
        world.house.wallet.register(DONATION, DonationCompletion(world.clock))
        yield world
        outcome = await world.db.read(audit)
        assert outcome.holds, outcome.checks


@pytest.fixture
def intake(world: World) -> Intake:
    return Intake(world.house.wallet, world.clock)


async def donations(world: World) -> int:
    found = await world.scalar("SELECT posted FROM accounts WHERE name = 'donations'")
    return int(found or 0)


async def test_a_gift_is_income_less_the_mints_fee(world: World, intake: Intake) -> None:
    text = token.encode_b(world.mint.token(8, 2))
    saga = await donate(intake, text, "for the server")
    assert saga.context["ref"] == "for the server"
    assert await donations(world) == 9_000
    assert await world.scalar("SELECT deposited FROM accounts WHERE name = 'donations'") == 9_000


async def test_the_same_gift_again_changes_nothing(world: World, intake: Intake) -> None:
    given = world.mint.token(8)
    first = await donate(intake, token.encode_a(given), None)
    assert (await donate(intake, token.encode_b(given), "again")).id == first.id
    assert await donations(world) == 7_000


async def test_a_long_reference_is_cut(world: World, intake: Intake) -> None:
    saga = await donate(intake, token.encode_b(world.mint.token(8)), "x" * 9_999)
    assert saga.context["ref"] == "x" * REF_CHARS_MAX


async def test_a_token_that_served_another_purpose_is_no_gift(world: World, intake: Intake) -> None:
    given = world.mint.token(8)
    world.house.wallet.register("other", DonationCompletion(world.clock))
    await intake.receive(Deposit(given, "other", None, {}, ZERO))
    with pytest.raises(TokenAlreadySpent):
        await donate(intake, token.encode_b(given), None)
    with pytest.raises(InvalidToken):
        await donate(intake, "cashuBnonsense", None)


async def test_a_gift_that_the_mint_refuses_is_not_booked(world: World, intake: Intake) -> None:
    given = token.encode_b(world.mint.token(8))
    await donate(intake, given, None)
    spent = token.encode_b(world.mint.token(4))
    world.mint.spend(token.decode(spent))
    with pytest.raises(TokenAlreadySpent):
        await donate(intake, spent, None)
    assert await donations(world) == 7_000


async def test_while_deposits_are_closed_nothing_is_taken(world: World, intake: Intake) -> None:
    await world.db.write(lambda tx: verdict.close(tx, 1, "a test"))
    with pytest.raises(DepositsClosed):
        await donate(intake, token.encode_b(world.mint.token(8)), None)
    assert not world.mint.calls["swap"]
