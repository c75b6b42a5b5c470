"""Creating keys and using tokens as keys, on real mints and both databases."""

from routstr.wallet.mint_types import ProofState
from tests.integration.money.conftest import Purse, every_pair
from tests.integration.money.house import Client


@every_pair
async def test_a_token_becomes_a_key_with_what_arrived(client: Client, purse: Purse) -> None:
    text = await purse.token(1_000)
    fee = await purse.fee_msat(text)
    gross = purse.unit.to_msat(1_000)
    made = await client.create(text)

    assert made.status == 200
    assert made.json == {
        "api_key": made.json["api_key"],
        "balance": gross - fee,
        "id": made.json["id"],
        "mint": purse.mint.url,
        "credited": gross - fee,
        "gross": gross,
        "mint_fee": fee,
    }
    assert bool(fee) is purse.has_fee
    assert made.headers["Cache-Control"] == "no-store"
    assert set(await purse.payer.states(text)) == {ProofState.SPENT}

    again = await client.create(text)
    assert (again.json["api_key"], again.json["balance"], again.json["credited"]) == (
        made.json["api_key"],
        gross - fee,
        None,
    )
