"""What a token's keysets cost and mean, settled before anything is touched (NUT-02)."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from routstr.errors import FeesExceedAmount, RedemptionPending
from routstr.money import Msat, Unit
from routstr.wallet import token
from routstr.wallet.keysets import AmbiguousKeyset, UnknownKeyset
from routstr.wallet.mint_errors import MintUnclear
from routstr.wallet.models import ProofStatus, SagaState
from routstr.wallet.token import Token
from tests.unit.wallet.played_mint import PlayedMint, fail
from tests.unit.wallet.signing import Signer
from tests.unit.wallet.world import World, open_world

LOST = MintUnclear("no answer")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as world:
        yield world


async def untouched(world: World) -> bool:
    written = await world.scalar(
        "SELECT (SELECT count(*) FROM sagas) + (SELECT count(*) FROM claimed_y)"
        " + (SELECT coalesce(sum(counter), 0) FROM keysets)"
    )
    calls = world.mint.calls
    return bool(written == calls["swap"] == calls["check_state"] == 0)


@pytest.mark.parametrize("unit", list(Unit))
@pytest.mark.parametrize(
    ("ppk", "proofs", "fee"),
    [(1, 1, 1), (100, 10, 1), (100, 11, 2), (999, 2, 2), (1_000, 3, 3), (1_500, 3, 5), (0, 9, 0)],
)
async def test_the_fee_of_all_inputs_together_is_rounded_up_once(
    tmp_path: Path, unit: Unit, ppk: int, proofs: int, fee: int
) -> None:
    """The played mint refuses any sum but the right one."""
    mint = PlayedMint(Signer(unit=unit.value, fee=ppk))
    async with open_world(tmp_path, mint) as world:
        saga = await world.house.receive(mint.token(*[4] * proofs))
        assert (saga.fee, saga.net_msat) == (fee, unit.to_msat(4 * proofs - fee))
        assert await world.purse() == {ProofStatus.UNSPENT: 4 * proofs - fee}
        assert mint.circulation == 1


async def test_inputs_of_two_keysets_cost_what_each_of_them_takes(tmp_path: Path) -> None:
    cheap, dear = Signer(fee=100), Signer(fee=1_200)
    mint = PlayedMint(cheap, dear)
    async with open_world(tmp_path, mint) as world:
        proofs = [*mint.token(8, 4, signer=cheap).proofs, *mint.token(2, signer=dear).proofs]
        saga = await world.house.receive(Token(mint.url, Unit.SAT, tuple(proofs)))
        assert saga.fee == 2  # 100 + 100 + 1,200 thousandths
        assert (saga.plan.keyset, saga.net_msat) == (cheap.id, Msat(12_000))


@pytest.mark.parametrize(("amounts", "fee"), [((1,), 1), ((2, 1, 1), 4), ((1, 1), 2)])
async def test_a_token_not_worth_more_than_its_fee_stays_as_it_is(
    tmp_path: Path, amounts: tuple[int, ...], fee: int
) -> None:
    mint = PlayedMint(Signer(fee=1_000 if len(amounts) < 3 else 1_300))
    async with open_world(tmp_path, mint) as world:
        with pytest.raises(FeesExceedAmount) as raised:
            await world.house.receive(mint.token(*amounts))
        assert raised.value.details["fee"] == fee
        assert await untouched(world)


async def test_a_short_id_that_fits_two_keysets_is_refused(world: World) -> None:
    """Whoever finds such keys could have the node count proofs of one as those of the other."""
    real = next(iter(world.mint.signers.values()))
    twin = Signer(fee=7)
    twin.info = replace(twin.info, id=real.id[:16] + "ab" * 25)
    world.mint.signers[twin.id] = twin
    short = token.decode(token.encode_b(world.mint.token(8, 4, signer=real)))
    assert {len(proof.keyset_id) for proof in short.proofs} == {16}
    with pytest.raises(AmbiguousKeyset):
        await world.house.receive(short)
    assert await untouched(world)
    full = token.decode(token.encode_a(world.mint.token(2, signer=real)))
    assert (await world.house.receive(full)).net_msat == Msat(2_000)


async def test_an_unknown_id_is_asked_for_once_and_then_refused(world: World) -> None:
    await world.house.receive(world.mint.token(1))
    stranger = replace(PlayedMint(Signer(fee=5)).token(8), mint=world.mint.url)
    asked = world.mint.calls["keysets"]
    for form in (token.encode_a, token.encode_b):
        with pytest.raises(UnknownKeyset):
            await world.house.receive(token.decode(form(stranger)))
    assert world.mint.calls["keysets"] == asked + 2
    assert await world.states() == [SagaState.DONE]


async def test_a_keyset_whose_unit_is_not_sold_here_is_unknown(tmp_path: Path) -> None:
    mint = PlayedMint(Signer(), dollars := Signer(unit="usd"))
    async with open_world(tmp_path, mint) as world:
        proofs = mint.token(8, signer=Signer()).proofs
        swapped = replace(proofs[0], keyset_id=dollars.id)
        with pytest.raises(UnknownKeyset):
            await world.house.receive(Token(mint.url, Unit.SAT, (swapped,)))
        assert await untouched(world)


class TestAfterACrash:
    """The saga was left open before the swap; then the mint changed."""

    async def left_open(self, world: World, given: Token) -> None:
        world.mint.next(fail(LOST), fail(LOST))
        with pytest.raises(RedemptionPending):
            await world.house.receive(given)

    async def test_a_rotated_keyset_fails_the_saga_and_a_new_one_takes_the_token(
        self, world: World
    ) -> None:
        given = world.mint.token(8, 4)
        await self.left_open(world, given)
        world.mint.rotate(fresh := Signer(fee=100))
        house = world.another_house()
        await house.wallet.recover(frozenset({2}))
        assert await world.states() == [SagaState.FAILED]
        assert await world.scalar("SELECT count(*) FROM claimed_y") == 0
        saga = await house.receive(given)
        assert (saga.plan.keyset, saga.net_msat) == (fresh.id, Msat(12_000))
        assert world.mint.circulation == 1

    async def test_a_raised_fee_fails_the_saga_and_the_new_fee_is_told(
        self, tmp_path: Path
    ) -> None:
        signer = Signer(version=1)  # the id of a v1 keyset does not cover its fee
        async with open_world(tmp_path, PlayedMint(signer)) as world:
            given = world.mint.token(8, 4)
            await self.left_open(world, given)
            signer.info = replace(signer.info, input_fee_ppk=700)
            house = world.another_house()
            await house.wallet.recover(frozenset({2}))
            assert await world.states() == [SagaState.FAILED]
            saga = await house.receive(given)
            assert (saga.fee, saga.net_msat) == (2, Msat(10_000))
