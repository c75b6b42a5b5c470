from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from routstr.auth.terms import NO_TERMS, KeyTerms
from routstr.balance.key_schemas import ChangeRequest, ChildKeysRequest, Terms
from routstr.balance.key_service import key_terms
from routstr.errors import AuthError, InvalidParameter, KeyExpired, MintUnreachable
from routstr.money import Msat
from routstr.wallet import token
from routstr.wallet.mint_errors import MintDown
from tests.unit.balance.desk import Desk, desk
from tests.unit.wallet.played_mint import fail


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(tmp_path) as at:
        yield at


def test_headers_say_what_a_body_does_not() -> None:
    headers = KeyTerms(expires_at=5_000, refund_address="a@b.example")
    assert key_terms(Terms(), headers) == headers
    given = Terms(validity_date=9, balance_limit=7, balance_limit_reset="daily", name="n")
    assert key_terms(given, headers, refund_lnurl="c@d.example", metadata={"a": 1}) == KeyTerms(
        9_000, Msat(7), "daily", "c@d.example", "n", '{"a":1}'
    )


async def test_what_is_absent_stays_and_null_takes_away(at: Desk) -> None:
    now = at.ring.clock.now_ms() // 1_000
    terms = KeyTerms((now + 9) * 1_000, None, None, "a@b.example", "n", '{"a":1}')
    payer = await at.ring.key(8, terms)
    authorization = f"Bearer {payer.key}"
    change = at.service.change
    info = await change(authorization, ChangeRequest(name="m"), NO_TERMS)
    assert (info.name, info.metadata, info.expires_at) == ("m", {"a": 1}, now + 9)
    assert info.refund_lnurl == "a@b.example"
    by_header = KeyTerms(expires_at=(now + 5) * 1_000, refund_address="c@d.example")
    info = await change(authorization, ChangeRequest(), by_header)
    assert (info.expires_at, info.refund_lnurl) == (now + 5, "c@d.example")
    nothing = ChangeRequest(name=None, metadata=None, validity_date=None, refund_lnurl=None)
    info = await change(authorization, nothing, by_header)
    assert (info.name, info.metadata, info.expires_at, info.refund_lnurl) == (None, {}, None, None)
    later = ChangeRequest(validity_date=now + 1, refund_lnurl="e@f.example", metadata={"b": 2})
    info = await change(authorization, later, NO_TERMS)
    assert (info.expires_at, info.refund_lnurl) == (now + 1, "e@f.example")
    assert info.metadata == {"b": 2}
    at.ring.clock.advance(seconds=2)
    assert (await at.service.info(authorization)).expires_at == now + 1, "expired, and shown"


async def test_a_rotation_gives_the_key_and_its_old_id(at: Desk) -> None:
    payer = await at.ring.key(8)
    answer = await at.service.rotate(f"Bearer {payer.key}", b"call")
    assert answer.id == payer.key_id
    assert (await at.service.info(f"Bearer {answer.api_key}")).balance == 8_000
    assert await at.service.rotate(f"Bearer {payer.key}", b"call") == answer
    with pytest.raises(AuthError):
        await at.service.info(f"Bearer {payer.key}")


async def test_a_key_is_rotated_by_its_token_too(at: Desk) -> None:
    text = token.encode_b(at.ring.world.mint.token(8))
    authorization = f"Bearer {text}"
    info = await at.service.info(authorization)
    answer = await at.service.rotate(authorization, None)
    assert answer.id == info.id
    with pytest.raises(AuthError):
        await at.service.rotate(authorization, None)


async def test_child_keys_are_told_with_what_they_cost(at: Desk) -> None:
    payer = await at.ring.key(8)
    authorization = f"Bearer {payer.key}"
    body = ChildKeysRequest(count=3, balance_limit=500, metadata={"a": 1})
    answer = await at.service.create_children(authorization, body, None)
    assert (answer.count, len(set(answer.api_keys))) == (3, 3)
    assert (answer.cost_msats, answer.cost_sats) == (3_000, 3)
    assert (answer.parent_balance, answer.parent_balance_sats) == (5_000, 5)
    child = await at.service.info(f"Bearer {answer.api_keys[0]}")
    assert (child.metadata, child.balance_limit) == ({"a": 1}, 500)
    for done in (
        await at.service.reset_child(authorization, child.id),
        await at.service.revoke_child(authorization, answer.api_keys[0]),
    ):
        assert done.success
    with pytest.raises(AuthError):
        await at.service.info(f"Bearer {answer.api_keys[0]}")


async def test_an_expired_key_makes_no_child_keys(at: Desk) -> None:
    payer = await at.ring.key(8, KeyTerms(expires_at=at.ring.clock.now_ms() + 1))
    at.ring.clock.advance(ms=1)
    with pytest.raises(KeyExpired):
        await at.service.create_children(f"Bearer {payer.key}", ChildKeysRequest(), None)


async def test_a_new_token_is_a_key_on_the_terms_that_come_with_it(at: Desk) -> None:
    text = f"Bearer {token.encode_b(at.ring.world.mint.token(8))}"
    with pytest.raises(InvalidParameter):
        await at.service.info(text, KeyTerms(expires_at=1))
    assert not at.ring.world.mint.calls, "and it was not redeemed"
    info = await at.service.info(text, KeyTerms(refund_address="a@b.example"))
    assert info.refund_lnurl == "a@b.example"
    again = await at.service.info(text, KeyTerms(refund_address="c@d.example"))
    assert again.refund_lnurl == "a@b.example", "its terms are what they were"


async def test_a_gift_is_thanked_for_and_what_is_none_is_no_error(at: Desk) -> None:
    mint = at.ring.world.mint
    text = token.encode_b(mint.token(8))
    assert await at.service.donate(text, "ref") == "Thanks!"
    assert await at.service.donate(text, None) == "Thanks!"
    spent = mint.token(8)
    mint.spend(spent)
    for bad in ("nonsense", "cashuBnonsense", token.encode_b(spent)):
        assert await at.service.donate(bad, None) == "Invalid token."
    mint.next(fail(MintDown("gone")))
    good = token.encode_b(mint.token(4))
    with pytest.raises(MintUnreachable):
        await at.service.donate(good, None)
    assert await at.service.donate(good, None) == "Thanks!"
    assert (
        await at.ring.world.scalar("SELECT posted FROM accounts WHERE name='donations'") == 12_000
    )
