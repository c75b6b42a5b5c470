from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest

from routstr.auth.terms import NO_TERMS
from routstr.balance.receipts import ReceiptAnswer, ReceiptDesk, SealAnswer
from routstr.errors import KeyNotFound, MissingApiKey, NotFound, ReceiptNotFound
from routstr.ledger.sealer import Sealer
from routstr.payment import signing
from routstr.payment.receipts import Receipts, verify_receipt
from routstr.payment.signing import SigningKey
from routstr.payment.x_cashu import XCashu
from tests.unit.balance.desk import Desk, desk

KEY = SigningKey(b"k" * 32)


class Signer:
    async def key(self) -> SigningKey:
        return KEY


class Payments:
    """Knows one token that paid."""

    def __init__(self, account: int) -> None:
        self.account = account

    async def account_of(self, text: str) -> int | None:
        return self.account if text == "cashu that paid" else None


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(tmp_path) as at:
        yield at


def receipts(at: Desk, account: int = 0) -> ReceiptDesk:
    made = Receipts(at.ring.world.db, Signer())
    return ReceiptDesk(made, at.ring.auth, cast("XCashu", Payments(account)))


async def test_a_receipt_is_told_to_who_paid_and_to_nobody_else(at: Desk) -> None:
    payer, other = await at.ring.key(64), await at.ring.key(8)
    await at.ring.spend(payer, 500)
    there = receipts(at, payer.account)
    told = await there.receipt("r", f"Bearer {payer.key}", None, None)
    assert verify_receipt(told, pubkey=KEY.pubkey) == 500
    assert ReceiptAnswer(**told).charges[0].seal is None
    assert told == await there.receipt("r", None, "cashu that paid", None)
    for request_id, authorization, token in [
        ("r", f"Bearer {other.key}", None),
        ("x", f"Bearer {payer.key}", None),
        ("r", None, "cashu that did not"),
        ("r", f"Bearer {other.key}", "cashu that paid"),  # the key is who asks
    ]:
        with pytest.raises(ReceiptNotFound):
            await there.receipt(request_id, authorization, token, None)
    with pytest.raises(MissingApiKey):
        await there.receipt("r", None, None, None)
    with pytest.raises(KeyNotFound):
        await there.receipt("r", "Bearer sk-nobody's", None, None)


async def test_a_child_key_is_told_its_own_requests(at: Desk) -> None:
    parent = await at.ring.key(64)
    [key] = await at.ring.children.create(parent, 1, NO_TERMS)
    await at.ring.spend(parent, 500)
    with pytest.raises(ReceiptNotFound):
        await receipts(at).receipt("r", f"Bearer {key}", None, None)
    await at.ring.spend(await at.ring.auth.known_payer(f"Bearer {key}"), 200)
    told = await receipts(at).receipt("r", f"Bearer {key}", None, None)
    assert told["charged_msats"] == 200


async def test_the_newest_seal_is_signed_once_there_is_one(at: Desk) -> None:
    payer = await at.ring.key(8)
    with pytest.raises(NotFound):
        await receipts(at).seal()
    await at.ring.spend(payer, 500)
    await Sealer(at.ring.world.db, at.ring.clock, 1, b"s" * 32).finish()
    seal = await receipts(at).seal()
    signing.verify(seal, pubkey=KEY.pubkey)
    told = await receipts(at).receipt("r", f"Bearer {payer.key}", None, None)
    assert SealAnswer(**seal).digest == told["charges"][0]["seal"]
