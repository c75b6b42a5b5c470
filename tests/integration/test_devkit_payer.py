import asyncio

import pytest

from devkit.fault_proxy import FaultProxy
from devkit.mint import Mint
from devkit.payer import Payer
from routstr.money import Unit
from routstr.wallet.mint_errors import MintRefusal
from routstr.wallet.mint_types import ProofState
from routstr.wallet.token import decode

pytestmark = pytest.mark.mint


@pytest.mark.parametrize("form", ["A", "B"])
@pytest.mark.parametrize("unit", list(Unit))
async def test_a_bought_token_has_its_amount_and_is_spendable(
    mint: Mint, unit: Unit, form: str
) -> None:
    async with Payer(mint.url) as payer:
        text = await payer.token(21, unit, form="A" if form == "A" else "B")
        token = decode(text)
        assert text.startswith(f"cashu{form}")
        assert (token.mint, token.unit, token.amount) == (mint.url, unit, 21)
        assert set(await payer.states(text)) == {ProofState.UNSPENT}


async def test_a_token_can_be_made_of_given_pieces(mint: Mint) -> None:
    async with Payer(mint.url) as payer:
        token = decode(await payer.token(5, pieces=[1, 1, 1, 2]))
    assert [proof.amount for proof in token.proofs] == [1, 1, 1, 2]


@pytest.fixture(params=["fee_mint", "old_mint"])
def dear_mint(request: pytest.FixtureRequest) -> Mint:
    """A mint that takes a fee, with either kind of keyset ids."""
    mint: Mint = request.getfixturevalue(request.param)
    return mint


async def test_redeeming_costs_the_mints_fee_and_spends_the_token(dear_mint: Mint) -> None:
    async with Payer(dear_mint.url) as payer, Payer(dear_mint.url) as other:
        text = await payer.token(100)
        assert await other.redeem(text) == 99
        assert other.balance() == 99
        assert set(await payer.states(text)) == {ProofState.SPENT}
        with pytest.raises(MintRefusal):
            await other.redeem(text)


async def test_a_purse_pays_exactly_and_keeps_the_rest(mint: Mint) -> None:
    async with Payer(mint.url) as payer, Payer(mint.url) as other:
        await payer.fund(100)
        assert await other.redeem(await payer.pay(37)) == 37
        assert payer.balance() == 63
        with pytest.raises(ValueError, match="holds 63"):
            await payer.pay(64)


@pytest.mark.parametrize("stocks", [False, True])
async def test_many_can_buy_at_the_same_time(mint: Mint, *, stocks: bool) -> None:
    async with Payer(mint.url, stocks=stocks) as payer, Payer(mint.url) as other:
        tokens = await asyncio.gather(*(payer.token(3) for _ in range(10)))
        secrets = {proof.secret for text in tokens for proof in decode(text).proofs}
        assert len(secrets) == 20
        assert await other.redeem(tokens[-1]) == 3


async def test_what_is_in_stock_is_bought_once(mint: Mint) -> None:
    async with FaultProxy(mint.url) as proxy, Payer(proxy.url, stocks=True) as payer:
        texts = [await payer.token(5), await payer.token(4), await payer.token(1, Unit.MSAT)]
        texts.append(await payer.token(4, pieces=[1, 1, 1, 1]))
        assert [decode(text).amount for text in texts] == [5, 4, 1, 4]
        assert [len(decode(text).proofs) for text in texts] == [2, 1, 1, 4]
        bought = [call for call in proxy.calls if call.path == "/v1/mint/bolt11"]
        assert len(bought) == 3  # 1 and 4 sat, 1 msat, then one more piece of 1 sat than is left
