"""A real mint changes its keyset, and with it its fee, in the middle of a movement (NUT-02).

An inactive keyset still serves as input and for restore, never for new outputs; new outputs are
made only when it is certain that the swap for the old ones was not carried out.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from devkit.payer import Payer
from routstr.errors import RedemptionPending
from routstr.money import Unit
from routstr.wallet import token
from routstr.wallet.models import SagaState
from tests.integration.conftest import run
from tests.integration.wallet.turning import (
    Signatures,
    TurningMint,
    Wallet,
    answer_lost,
    lost,
    open_wallet,
)

pytestmark = pytest.mark.mint

FEES = (100, 250)
DONE, FAILED = SagaState.DONE, SagaState.FAILED


@pytest.fixture(scope="module")
def mint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TurningMint]:
    turning = run(TurningMint.start(tmp_path_factory.mktemp("turning-mint"), fee_ppk=FEES[0]))
    yield turning
    run(turning.process.stop())


@pytest.fixture
async def wallet(tmp_path: Path, mint: TurningMint) -> AsyncIterator[Wallet]:
    async with open_wallet(tmp_path, mint.url) as wallet:
        yield wallet


@pytest.fixture
async def payer(mint: TurningMint) -> AsyncIterator[Payer]:
    async with Payer(mint.url) as payer:
        yield payer


class Turn:
    """Rotates the mint; ``before`` a swap that is then made."""

    def __init__(self, mint: TurningMint, unit: Unit) -> None:
        self._mint = mint
        self._unit = unit

    async def __call__(self, *, fee_ppk: int = FEES[1]) -> None:
        await self._mint.rotate(self._unit, fee_ppk=fee_ppk)

    async def before(self, swap: Callable[[], Awaitable[Signatures]]) -> Signatures:
        await self()
        return await swap()


@pytest.fixture(params=list(Unit))
def unit(request: pytest.FixtureRequest) -> Unit:
    chosen: Unit = request.param
    return chosen


@pytest.fixture
def turn(mint: TurningMint, unit: Unit) -> Turn:
    return Turn(mint, unit)


async def bought(payer: Payer, unit: Unit) -> tuple[token.Token, int]:
    """A token of 13, and what spending it costs: its keyset decides, not the one that follows."""
    text = await payer.token(13, unit)
    return token.decode(text), await payer.fee(text)


async def redeemed(text: str) -> int:
    """What arrives when somebody who knows the present keysets redeems a token."""
    async with Payer(token.decode(text).mint) as other:
        return await other.redeem(text)


async def test_between_intent_and_swap_a_deposit_is_made_anew(
    wallet: Wallet, payer: Payer, unit: Unit, turn: Turn
) -> None:
    given, fee = await bought(payer, unit)
    before = await wallet.active(unit)
    wallet.line.troubled(turn.before)
    saga = await wallet.house.receive(given)
    now = await wallet.active(unit)
    assert saga.plan.keyset == now.id != before.id
    assert (saga.gross, saga.fee) == (13, fee)
    assert await wallet.sagas() == [FAILED, DONE]
    assert await wallet.proofs() == {now.id: 13 - fee}
    assert wallet.house.till.story == (2, 1, 1)


async def test_between_intent_and_recovery_a_deposit_that_never_was_gives_the_token_back(
    wallet: Wallet, payer: Payer, unit: Unit, turn: Turn
) -> None:
    given, fee = await bought(payer, unit)
    wallet.line.troubled(lost, lost)
    with pytest.raises(RedemptionPending):
        await wallet.house.receive(given)
    await turn()
    after = wallet.reborn()
    assert await after.house.wallet.recover(frozenset({2})) == 1
    assert await wallet.sagas() == [FAILED]
    assert await wallet.proofs() == {}
    saga = await after.house.receive(given)  # the token is as it was
    now = await wallet.active(unit)
    assert (saga.plan.keyset, saga.net_msat) == (now.id, unit.to_msat(13 - fee))
    assert await wallet.proofs() == {now.id: 13 - fee}


async def test_between_swap_and_recovery_what_the_old_keyset_signed_is_restored(
    wallet: Wallet, payer: Payer, unit: Unit, turn: Turn
) -> None:
    given, fee = await bought(payer, unit)
    before = await wallet.active(unit)
    wallet.line.broken_restore = True
    wallet.line.troubled(answer_lost)
    with pytest.raises(RedemptionPending):
        await wallet.house.receive(given)
    wallet.line.broken_restore = False
    await turn()
    assert await wallet.reborn().house.wallet.recover(frozenset({2})) == 1
    assert await wallet.sagas() == [DONE]
    assert await wallet.proofs() == {before.id: 13 - fee}


async def test_a_token_of_an_inactive_keyset_is_taken_at_its_own_fee(
    wallet: Wallet, payer: Payer, unit: Unit, turn: Turn
) -> None:
    given, fee = await bought(payer, unit)
    await turn(fee_ppk=900)
    saga = await wallet.house.receive(given)
    now = await wallet.active(unit)
    assert (now.input_fee_ppk, saga.fee) == (900, fee)
    assert await wallet.proofs() == {now.id: 13 - fee}
    await turn(fee_ppk=FEES[0])


async def test_a_refund_spends_inactive_proofs_and_makes_active_ones(
    wallet: Wallet, payer: Payer, unit: Unit, turn: Turn
) -> None:
    given, fee = await bought(payer, unit)
    await wallet.house.receive(given)
    before = await wallet.active(unit)
    wallet.line.troubled(turn.before)  # between intent and swap, too
    saga, text = await wallet.house.send(5, mint=wallet.line.url, unit=unit)
    now = await wallet.active(unit)
    assert saga.plan.keyset == now.id != before.id
    assert await wallet.sagas() == [DONE, FAILED, DONE]
    assert token.decode(text).amount == 5 - saga.fee
    held = await wallet.proofs()
    assert sum(held.values()) == 13 - fee - 5
    assert now.id in held or held == {}
    assert await redeemed(text) >= 1


async def test_a_refund_that_never_was_is_undone_after_the_keyset_is_gone(
    wallet: Wallet, payer: Payer, unit: Unit, turn: Turn
) -> None:
    given, fee = await bought(payer, unit)
    await wallet.house.receive(given)
    before = await wallet.active(unit)
    wallet.line.troubled(lost, lost)
    with pytest.raises(RedemptionPending):
        await wallet.house.send(5, mint=wallet.line.url, unit=unit)
    await turn()
    after = wallet.reborn()
    assert await after.house.wallet.recover(frozenset({2})) == 1
    assert await wallet.sagas() == [DONE, FAILED]
    assert await wallet.proofs() == {before.id: 13 - fee}
    assert after.house.till.story == (0, 0, 1)
    _, text = await after.house.send(5, mint=wallet.line.url, unit=unit)
    assert await redeemed(text) >= 1
