"""How long the text of a token that is given out may be."""

from pathlib import Path

import pytest

from routstr.wallet import token
from routstr.wallet.send import TOKEN_CHARS_MAX
from tests.unit.wallet.played_mint import PlayedMint
from tests.unit.wallet.signing import Signer
from tests.unit.wallet.test_send import stock
from tests.unit.wallet.world import open_world


@pytest.mark.parametrize(("coins", "proven"), [(26, True), (30, False)])
async def test_a_token_of_many_coins_does_without_proofs_of_its_signatures(
    tmp_path: Path, coins: int, *, proven: bool
) -> None:
    async with open_world(tmp_path, PlayedMint(Signer(amounts=[4]))) as world:
        await stock(world, *[4] * coins)
        _, text = await world.house.send(4 * coins)
        given = token.decode(text)
        assert len(given.proofs) == coins
        assert {proof.dleq is not None for proof in given.proofs} == {proven}
        assert 4_000 < len(text) <= TOKEN_CHARS_MAX
        full = token.expand(given, world.mint.signers)
        (signer,) = world.mint.signers.values()
        assert await world.mint.swap(full.proofs, signer.outputs([4] * coins)), "it is good"
