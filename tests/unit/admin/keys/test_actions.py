from pathlib import Path

import pytest

from routstr.admin.keys.requests import NewKey, Revoke
from routstr.core.secret import Secret
from routstr.errors import LightningAddressRefused
from routstr.money import Msat
from routstr.wallet import token
from tests.unit.admin.keys.bureau import open_bureau


async def test_a_key_is_paid_with_a_token_or_out_of_the_surplus(tmp_path: Path) -> None:
    async with open_bureau(tmp_path, own=16) as at:
        text = token.encode_b(at.world.mint().token(4))
        paid = NewKey(initial_balance_token=Secret(text), note="paid")
        made = await at.actions.create("a", paid)
        again = await at.actions.create("b", paid)
        assert again == made.model_copy(update={"repeated": True})
        assert (made.balance, (await at.actions.desk.row(made.id)).note) == (4_000, "paid")
        own = await at.actions.create("c", NewKey(amount_msats=6_000))
        assert own.balance == 6_000
        credited = await at.actions.top_up("d", own.id, Msat(10_000))
        assert (credited.balance, credited.repeated) == (16_000, False)
        assert repr(made).count("sk-") == 0


async def test_revoking_pays_out_and_says_what_it_could_not(tmp_path: Path) -> None:
    async with open_bureau(tmp_path) as at:
        gone = (await at.key(8)).key_id
        first = await at.actions.revoke("a", gone, Revoke())
        assert first.token is not None
        again = await at.actions.revoke("a", gone, Revoke())
        assert again.token == first.token.model_copy(update={"repeated": True})
        assert (await at.actions.revoke("b", gone, Revoke())).token is None
        shown = await at.actions.token_again(gone, first.token.id)
        assert shown.token == first.token.token

        sent = (await at.key(64)).key_id
        nonsense = Revoke(refund="lightning", lightning_address="nonsense")
        with pytest.raises(LightningAddressRefused):
            await at.actions.revoke("c", sent, nonsense)
        assert (await at.actions.desk.one(sent)).state == "active"  # nothing has ended
        at.world.bob.refuses = True
        to_bob = Revoke(refund="lightning", lightning_address="bob@example.com")
        refused = await at.actions.revoke("c", sent, to_bob)
        assert (refused.key.state, refused.key.balance) == ("revoked", 64_000)
        assert refused.problem
        at.world.bob.refuses = False
        paid = await at.actions.revoke(
            "d", sent, Revoke(refund="lightning", lightning_address="bob@example.com")
        )
        assert paid.problem is None
        assert paid.paid_msats

        kept = (await at.key(8)).key_id
        stays = await at.actions.revoke("e", kept, Revoke(refund="none"))
        assert (stays.key.balance, stays.token, stays.problem) == (8_000, None, None)
