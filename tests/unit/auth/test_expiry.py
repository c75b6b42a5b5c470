import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from routstr.auth.expiry import DAY_MS, MINUTE_MS, TAKEN_MS, ExpiredKeys
from routstr.auth.profile import Changes
from routstr.auth.service import Payer
from routstr.auth.terms import KeyTerms
from routstr.core.db import Tx
from routstr.errors import (
    BalanceTooSmall,
    DatabaseUnavailable,
    LightningAddressRefused,
    MintUnreachable,
    NothingToRefund,
    RefundBlocked,
    RefundUnderWay,
)
from routstr.ledger.accounts import Entry, named_account, post
from routstr.ledger.entries import AccountKind, TransferKind
from routstr.money import Msat, Unit
from tests.unit.auth.keyring import Keyring, keyring

ADDRESS = "me@wallet.example"


@dataclass
class Out:
    """Pays what an account has, by booking it; raises ``refusal`` instead while there is one."""

    ring: Keyring
    refusal: Exception | None = None
    asked: list[str] = field(default_factory=list)
    paid: list[int] = field(default_factory=list)

    async def pay(self, account: int, mint: str, unit: Unit, address: str, *, rest: bool) -> None:
        assert rest, "what an earlier payment has left is the owner's too"
        self.asked.append(address)
        assert (mint, unit) == (self.ring.world.mint.url, Unit.SAT)
        await asyncio.sleep(0)
        if self.refusal is not None:
            raise self.refusal
        if not await self.ring.world.db.write(lambda tx: self._book(tx, account)):
            raise NothingToRefund

    def _book(self, tx: Tx, account: int) -> int:
        found = tx.sql.exec_driver_sql(f"SELECT posted FROM accounts WHERE id = {account}")
        amount = int(found.scalar_one())
        if amount:
            capital = named_account(tx, AccountKind.CAPITAL, "capital", 1)
            key = b"Z" + len(self.paid).to_bytes(8, "big")
            post(
                tx, Entry(account, capital, Msat(amount), TransferKind.LIGHTNING_REFUND, key, 99, 1)
            )
            self.paid.append(amount)
        return amount


@pytest.fixture
async def ring(tmp_path: Path) -> AsyncIterator[Keyring]:
    async with keyring(tmp_path) as ring:
        yield ring


@pytest.fixture
def out(ring: Keyring) -> Out:
    return Out(ring)


@pytest.fixture
def expired(ring: Keyring, out: Out) -> ExpiredKeys:
    return ExpiredKeys(ring.world.db, out, ring.clock)


async def expiring(ring: Keyring, address: str | None = ADDRESS) -> Payer:
    """A key that will have expired in a second."""
    terms = KeyTerms(expires_at=ring.clock.now_ms() + 1_000, refund_address=address)
    return await ring.key(8, terms)


async def problem(ring: Keyring, payer: Payer) -> str | None:
    return (await ring.auth.key_record(payer)).refund_problem


async def test_a_key_that_has_expired_is_paid_out_once(
    ring: Keyring, out: Out, expired: ExpiredKeys
) -> None:
    payer = await expiring(ring)
    assert await expired.refund() == 0, "its time is not over"
    ring.clock.advance(seconds=1)
    assert await expired.refund() == 1
    assert (out.asked, out.paid) == ([ADDRESS], [8_000])
    assert (await ring.balance(payer)).available == Msat(0)
    ring.clock.advance(ms=2 * DAY_MS)
    assert await expired.refund() == 0
    assert out.asked == [ADDRESS]


async def test_without_an_address_the_balance_stays_for_ever(
    ring: Keyring, out: Out, expired: ExpiredKeys
) -> None:
    payer = await expiring(ring, None)
    ring.clock.advance(seconds=3_600 * 24 * 3_650)
    assert await expired.refund() == 0
    assert not out.asked
    assert (await ring.balance(payer)).available == Msat(8_000)
    await ring.profiles.change(payer, Changes(refund_address=ADDRESS))
    assert await expired.refund() == 1, "an expired key may still say where to"


async def test_keys_that_live_keep_their_money(
    ring: Keyring, out: Out, expired: ExpiredKeys
) -> None:
    await ring.key(8, KeyTerms(refund_address=ADDRESS))
    payer = await expiring(ring)
    await ring.profiles.change(payer, Changes(expires_at=None))
    ring.clock.advance(seconds=10)
    assert await expired.refund() == 0
    assert not out.asked


async def test_of_many_instances_one_pays(ring: Keyring, out: Out, expired: ExpiredKeys) -> None:
    for _ in range(3):
        await expiring(ring)
    ring.clock.advance(seconds=1)
    assert sum(await asyncio.gather(*(expired.refund() for _ in range(10)))) == 3
    assert len(out.asked) == 3


async def test_what_fails_is_told_and_tried_again_later_and_later(
    ring: Keyring, out: Out, expired: ExpiredKeys
) -> None:
    payer = await expiring(ring)
    ring.clock.advance(seconds=1)
    out.refusal = MintUnreachable()
    waits = []
    for _ in range(13):
        assert await expired.refund() == 0
        assert await problem(ring, payer) == out.refusal.message
        start = ring.clock.now_ms()
        next_at = await ring.world.scalar("SELECT refund_next_at FROM api_keys")
        ring.clock.advance(ms=next_at - start - 1)
        tried = len(out.asked)
        await expired.refund()
        assert len(out.asked) == tried, "not before its time"
        ring.clock.advance(ms=1)
        waits.append((next_at - start) // MINUTE_MS)
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 1_440, 1_440]
    out.refusal = None
    assert await expired.refund() == 1
    assert await problem(ring, payer) is None


async def test_another_address_is_tried_at_once(
    ring: Keyring, out: Out, expired: ExpiredKeys
) -> None:
    payer = await expiring(ring)
    ring.clock.advance(seconds=1)
    out.refusal = LightningAddressRefused()
    await expired.refund()
    assert await expired.refund() == 0
    out.refusal = None
    await ring.profiles.change(payer, Changes(refund_address="you@wallet.example"))
    assert await problem(ring, payer) is None
    assert await expired.refund() == 1
    assert out.asked == [ADDRESS, "you@wallet.example"]


@pytest.mark.parametrize("refusal", [RefundBlocked(), RefundUnderWay()])
async def test_a_refund_that_has_to_wait_waits_a_minute_each_time(
    ring: Keyring, out: Out, expired: ExpiredKeys, refusal: Exception
) -> None:
    await expiring(ring)
    ring.clock.advance(seconds=1)
    out.refusal = refusal
    for tried in range(1, 4):
        await expired.refund()
        assert len(out.asked) == tried
        ring.clock.advance(ms=MINUTE_MS)


async def test_too_little_to_pay_is_no_problem(
    ring: Keyring, out: Out, expired: ExpiredKeys
) -> None:
    payer = await expiring(ring)
    ring.clock.advance(seconds=1)
    out.refusal = BalanceTooSmall()
    assert await expired.refund() == 0
    assert await problem(ring, payer) is None
    out.refusal = None
    ring.clock.advance(ms=DAY_MS)
    assert await expired.refund() == 1


async def test_an_instance_that_vanishes_is_followed_by_another(
    ring: Keyring, out: Out, expired: ExpiredKeys
) -> None:
    await expiring(ring)
    ring.clock.advance(seconds=1)
    out.refusal = DatabaseUnavailable()
    with pytest.raises(DatabaseUnavailable):
        await expired.refund()
    out.refusal = None
    assert await expired.refund() == 0
    ring.clock.advance(ms=TAKEN_MS)
    assert await expired.refund() == 1
