"""Books with a past, proven, sealed and summed up, and archives of them."""

from pathlib import Path
from typing import Final

from msgspec.structs import replace
from sqlalchemy import Connection

from routstr.core.clock import Clock
from routstr.core.db import Tx
from routstr.ledger import verdict
from routstr.ledger.archives import Archived
from routstr.ledger.entries import Held
from routstr.ledger.limits import Reset
from routstr.ledger.seal_check import check_seals
from routstr.ledger.usage_fold import UsageFold
from routstr.payment.archive.audit import check_archives
from routstr.payment.archive.making import Archiver
from routstr.payment.signing import SigningKey
from tests.integration.ledger import continued
from tests.integration.ledger.bank import Bank, request, settlement
from tests.integration.ledger.bank import broken as broken_books
from tests.integration.ledger.notary import KEY, sealer
from tests.integration.ledger.sales import spend

DAY_MS: Final = 86_400_000
SIGNER: Final = SigningKey.derived(b"s" * 32)


async def past(bank: Bank, requests: int = 20) -> int:
    """Something of everything, a day long; return the account that paid for most of it."""
    account, other, third = [await bank.customer(10_000) for _ in range(3)]
    mark = await bank.limit(account, 9_000, Reset.DAILY)
    for number in range(requests):
        await spend(bank, account, number, "a", "p")  # the first costs nothing
        asked = replace(request(account, 100, mark=mark), model="b")
        held = await bank.ledger.hold(asked)
        assert isinstance(held, Held)
        await bank.ledger.settle(settlement(held.hold, number * 2))
        bank.clock.ms += 60_000
    await spend(bank, other, 77, "a", "q")
    for expire in (False, True):
        held = await bank.ledger.hold(request(other, 50))
        assert isinstance(held, Held)
        await bank.ledger.release(held.hold, expire=expire)
    await _late(bank, third)
    bank.clock.ms += DAY_MS
    return account


async def _late(bank: Bank, account: int) -> None:
    """A request that is settled after its hold had expired and most of its money was gone."""
    held = await bank.ledger.hold(request(account, 900))
    assert isinstance(held, Held)
    await bank.ledger.release(held.hold, expire=True)
    other = await bank.ledger.hold(request(account, 9_700))
    await bank.ledger.settle(settlement(held.hold, 900))
    assert isinstance(other, Held)
    await bank.ledger.settle(settlement(other.hold, 9_700))


async def present(bank: Bank, account: int) -> None:
    """What is too young to leave."""
    held = await bank.ledger.hold(request(account, 30))
    assert isinstance(held, Held)
    await spend(bank, account, 5, "a", "p")


async def close_the_books(bank: Bank, rows: int = 7) -> None:
    """Seal, add up, prove: what a running node does all the time."""
    await sealer(bank, rows=rows).finish()
    await UsageFold(bank.db).run()
    assert await continued.advance(bank.db) == set()


def archiver(bank: Bank, clock: Clock | None = None) -> Archiver:
    return Archiver(bank.db, clock or bank.clock, SIGNER, KEY, pause_seconds=0)


async def archive(bank: Bank, path: Path) -> Archived:
    """Archive what is older than half a day."""
    return await archiver(bank).make(path, bank.clock.now_ms() - DAY_MS // 2)


def broken_in(connection: Connection) -> list[str]:
    """Equations that do not hold: of a full verification, of a continued one, of archives."""
    last = verdict.read(connection).checkpoint or continued.START
    found = {*broken_books(connection), *continued.in_full(connection, last)}
    archived = check_archives(connection, KEY)
    seals = check_seals(connection, KEY)
    return sorted([*found, *(check.name for check in (archived, seals) if not check.holds)])


async def broken(bank: Bank) -> list[str]:
    """As :func:`broken_in`, now."""
    return await bank.db.read(broken_in)


async def count(bank: Bank, what: str) -> int:
    [(found,)] = await bank.rows(f"SELECT count(*) FROM {what}")
    return int(found)


async def accounts(bank: Bank) -> list[tuple[object, ...]]:
    """What every account is said to have."""
    return await bank.rows("SELECT id, posted, held, deposited, spent, requests FROM accounts")


async def change(bank: Bank, statement: str) -> None:
    """Change the database behind the node's back."""
    await bank.db.write(lambda tx: _run(tx, statement))


def _run(tx: Tx, statement: str) -> None:
    tx.sql.exec_driver_sql(statement)
