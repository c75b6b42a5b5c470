from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from routstr.auth.terms import NO_TERMS
from routstr.errors import ChildKeyNotAllowed, KeyNotFound
from routstr.money import Unit
from routstr.payment.refund import Refunds
from routstr.payment.refund_books import REFUND, RefundCompletion
from routstr.wallet import token
from tests.unit.balance.desk import Desk, desk


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(tmp_path) as at:
        at.ring.world.house.wallet.register(REFUND, RefundCompletion(at.ring.clock))
        yield at


async def test_a_history_is_signed_described_and_paged(at: Desk) -> None:
    ring = at.ring
    payer = await ring.key(8)
    await ring.spend(payer, 500)
    await ring.children.create(payer, 1, NO_TERMS)
    page = await at.histories.page(f"Bearer {payer.key}", limit=5, before=None)
    children, charge, deposit = page.transactions
    assert (charge.type, charge.kind, charge.amount, charge.balance_after) == (
        "out", "charge", -500, 7_500,
    )  # fmt: skip
    assert charge.description == "m on e, tokens: 1 in, 1 out"
    assert (charge.source, charge.mint_url, charge.collected) == ("usage", None, True)
    assert charge.reference.startswith("hold:")
    assert charge.timestamp == charge.created_at == ring.clock.now_ms() // 1_000
    assert (deposit.type, deposit.kind, deposit.amount) == ("in", "deposit", 8_000)
    assert (deposit.source, deposit.mint_url) == ("cashu", ring.world.mint.url)
    assert deposit.reference.startswith("saga:")
    assert (children.kind, children.amount, children.source) == ("child_keys", -1_000, "usage")
    assert (children.reference, children.mint_url) == ("key:1", None)
    assert page.next_before is None
    assert not any(one.swept for one in page.transactions)

    first = await at.histories.page(f"Bearer {payer.key}", limit=2, before=None)
    assert first.next_before == charge.id
    rest = await at.histories.page(f"Bearer {payer.key}", limit=2, before=first.next_before)
    assert rest.transactions == [deposit]


async def test_a_refund_is_collected_when_its_token_is_redeemed(at: Desk) -> None:
    ring = at.ring
    payer = await ring.key(8)
    refunds = Refunds(ring.world.db, ring.world.house.wallet, ring.clock)
    given = await refunds.refund(payer.account, payer.mint, Unit(payer.unit))

    async def collected() -> bool:
        page = await at.histories.page(f"Bearer {payer.key}", limit=1, before=None)
        [refund] = page.transactions
        assert (refund.kind, refund.source, refund.mint_url) == ("refund", "cashu", payer.mint)
        return refund.collected

    assert not await collected()
    ring.world.mint.spend(token.decode(given.token))
    await refunds.watch_claims()
    assert await collected()


async def test_a_child_key_has_no_history(at: Desk) -> None:
    [key] = await at.ring.children.create(await at.ring.key(8), 1, NO_TERMS)
    with pytest.raises(ChildKeyNotAllowed):
        await at.histories.page(f"Bearer {key}", limit=5, before=None)
    with pytest.raises(KeyNotFound):
        await at.histories.page("Bearer sk-nobody's", limit=5, before=None)
