from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from routstr.core.db import Tx
from routstr.ledger import books, verdict
from routstr.ledger.accounts import open_account
from routstr.ledger.entries import AccountKind, TransferKind
from routstr.money import ZERO, Msat
from routstr.payment.audit import audit
from routstr.payment.deposits import (
    TOPUP,
    PaidCompletion,
    TopupCompletion,
    asset_account,
    book_deposit,
    saga_key,
)
from routstr.wallet.models import SagaKind
from routstr.wallet.receive import Deposit
from routstr.wallet.sagas import Saga
from tests.unit.wallet.played_mint import PlayedMint
from tests.unit.wallet.signing import Signer
from tests.unit.wallet.world import DRAFT, World, open_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path, PlayedMint(Signer(fee=100), Signer(unit="msat"))) as world:
        world.house.wallet.register(TOPUP, TopupCompletion(world.clock))
        yield world


async def account(world: World) -> int:
    return await world.db.write(lambda tx: open_account(tx, AccountKind.KEY, 5))


async def top_up(world: World, owner: int, *amounts: int, unit: str = "sat") -> Saga:
    signer = next(one for one in world.mint.signers.values() if one.info.unit == unit)
    given = world.mint.token(*amounts, signer=signer)
    return await world.house.wallet.receive(Deposit(given, TOPUP, owner, {}, ZERO))


def test_keys_of_transfers_tell_sagas_and_their_transfers_apart() -> None:
    assert saga_key(b"R", 1) == b"R\x00\x00\x00\x00\x00\x00\x00\x01"
    assert len({saga_key(letter, n) for letter in (b"R", b"S", b"K") for n in (1, 256)}) == 6


async def test_what_arrived_is_credited_against_the_mints_account(world: World) -> None:
    owner = await account(world)
    saga = await top_up(world, owner, 8, 2)

    balance = await world.db.read(lambda c: books.balance(c, owner))
    assert (balance.available, balance.deposited) == (Msat(9_000), Msat(9_000))
    (moved,) = await world.db.read(lambda c: books.history(c, owner, limit=9, before=None))
    assert (moved.kind, moved.amount, moved.reference) == (
        TransferKind.DEPOSIT,
        Msat(9_000),
        saga.id,
    )
    name = await world.scalar("SELECT name FROM accounts WHERE posted = -9000")
    assert name == f"asset:sat:{world.mint.url}"
    assert (await world.db.read(audit)).holds


async def test_units_have_accounts_of_their_own(world: World) -> None:
    owner = await account(world)
    await top_up(world, owner, 8)
    await top_up(world, owner, 512, unit="msat")

    balance = await world.db.read(lambda c: books.balance(c, owner))
    assert balance.available == Msat(7_512)
    assert (await world.db.read(audit)).holds


async def test_a_saga_is_credited_once(world: World) -> None:
    owner = await account(world)
    saga = msgspec.structs.replace(DRAFT, id=77, account=owner)

    def book(tx: Tx) -> int:
        book_deposit(tx, saga, owner, 5)
        return asset_account(tx, saga, 5)

    assert await world.db.write(book) == await world.db.write(book)
    balance = await world.db.read(lambda c: books.balance(c, owner))
    assert balance.available == saga.net_msat


async def test_a_paid_invoice_is_booked_once_whether_or_not_deposits_are_closed(
    world: World,
) -> None:
    owner = await account(world)
    paid = PaidCompletion(TopupCompletion(world.clock))
    saga = msgspec.structs.replace(
        DRAFT, id=9, kind=SagaKind.MINT, account=owner, gross=11, fee=0, mint=world.mint.url
    )

    def book(tx: Tx) -> int:
        paid.intended(tx, saga)
        return paid.done(tx, saga)

    await world.db.write(lambda tx: verdict.close(tx, 1, "a test"))
    assert [await world.db.write(book) for _ in range(2)] == [owner, owner]
    balance = await world.db.read(lambda c: books.balance(c, owner))
    assert (balance.available, balance.deposited) == (Msat(11_000), Msat(11_000))
    key = await world.scalar("SELECT key FROM transfers")
    assert key == saga_key(b"I", 9)
    await world.db.write(lambda tx: paid.failed(tx, saga))
