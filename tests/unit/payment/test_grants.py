from functools import partial
from pathlib import Path

import pytest

from routstr.core.db import Database, Tx, migrate
from routstr.errors import (
    DepositsClosed,
    IdempotencyMismatch,
    InvalidParameter,
    SurplusTooSmall,
)
from routstr.ledger import books, verdict
from routstr.ledger.accounts import Entry, named_account, open_account, post
from routstr.ledger.entries import AccountKind, TransferKind
from routstr.ledger.verify import check_books
from routstr.money import Msat
from routstr.payment.found import capital_account
from routstr.payment.grants import grant


async def opened(folder: Path, capital: int) -> tuple[Database, int]:
    """Books with so much capital, and a key's account."""
    url = f"sqlite:///{folder / 'routstr.db'}"
    migrate.upgrade(url)
    db = Database(url)
    db.start()

    def fund(tx: Tx) -> int:
        asset = named_account(tx, AccountKind.ASSET, "asset:sat:https://mint.example", 1)
        own = capital_account(tx, 1)
        post(tx, Entry(asset, own, Msat(capital), TransferKind.CAPITAL, b"M", 1, 1))
        return open_account(tx, AccountKind.KEY, 1)

    return db, await db.write(fund)


async def test_what_is_the_operators_own_is_credited_once_for_a_name(tmp_path: Path) -> None:
    db, account = await opened(tmp_path, 10_000)
    give = partial(grant, account=account, amount=Msat(6_000), at=2)
    assert [await db.write(partial(give, name="a")) for _ in range(2)] == [True, False]
    with pytest.raises(IdempotencyMismatch):
        await db.write(lambda tx: grant(tx, account, Msat(1), "a", 2))
    with pytest.raises(SurplusTooSmall):
        await db.write(lambda tx: grant(tx, account, Msat(4_001), "b", 2))
    assert await db.write(lambda tx: grant(tx, account, Msat(4_000), "b", 2))
    state = await db.read(lambda c: books.balance(c, account))
    assert (state.available, state.deposited) == (10_000, 10_000)
    assert [one for one in await db.read(check_books) if not one.holds] == []
    await db.stop()


async def test_nothing_is_credited_for_nothing_or_while_the_books_are_closed(
    tmp_path: Path,
) -> None:
    db, account = await opened(tmp_path, 10)
    for amount in (0, -1):
        with pytest.raises(InvalidParameter):
            await db.write(partial(grant, account=account, amount=Msat(amount), name="n", at=2))
    await db.write(lambda tx: verdict.close(tx, 2, "an equation"))
    with pytest.raises(DepositsClosed):
        await db.write(lambda tx: grant(tx, account, Msat(1), "n", 2))
    await db.stop()
