"""A token is looked at: what it names, what it costs, and whether it is whole."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from routstr.errors import MintRefused, RedemptionPending, TokenAlreadySpent, TokenTooLarge
from routstr.money import Unit
from routstr.wallet import token
from routstr.wallet.inspection import Inspector
from routstr.wallet.mint_types import ProofState
from tests.unit.wallet.played_mint import PlayedMint
from tests.unit.wallet.signing import Signer
from tests.unit.wallet.world import World, open_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path, PlayedMint(Signer(fee=600))) as world:
        yield world


@pytest.fixture
def inspector(world: World) -> Inspector:
    return Inspector(world.house.mints, proofs_max=2, sat_max=100)


@pytest.mark.parametrize("amounts", [(1, 2, 4), (64, 64)])
def test_what_is_too_large_is_refused(
    world: World, inspector: Inspector, amounts: tuple[int, ...]
) -> None:
    with pytest.raises(TokenTooLarge):
        inspector.check_size(world.mint.token(*amounts))


async def test_short_ids_become_full_and_the_fee_is_known(
    world: World, inspector: Inspector
) -> None:
    given = world.mint.token(8, 2)
    short = replace(
        given, proofs=tuple(replace(p, keyset_id=p.keyset_id[:16]) for p in given.proofs)
    )
    inspector.check_size(short)
    found = await inspector.read(world.mint, short, fresh=False)
    assert (found.token, found.fee, found.net) == (given, 2, 8)


async def test_a_unit_that_the_keysets_do_not_have_is_refused(
    world: World, inspector: Inspector
) -> None:
    with pytest.raises(MintRefused, match="unit"):
        await inspector.read(world.mint, replace(world.mint.token(8), unit=Unit.MSAT), fresh=False)


@pytest.mark.parametrize(
    ("state", "error"),
    [(ProofState.SPENT, TokenAlreadySpent), (ProofState.PENDING, RedemptionPending)],
)
async def test_a_token_of_which_a_part_is_gone_is_refused(
    world: World, inspector: Inspector, state: ProofState, error: type[Exception]
) -> None:
    given = world.mint.token(8, 2)
    found = await inspector.read(world.mint, given, fresh=False)
    await inspector.verify(found, token.ys(given))
    world.mint.states[given.proofs[1].y()] = state
    with pytest.raises(error):
        await inspector.verify(found, token.ys(given))
