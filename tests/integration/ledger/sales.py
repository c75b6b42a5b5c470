"""Requests that are paid for, and what is told of them."""

from msgspec.structs import replace
from sqlalchemy import Connection

from routstr.core.db import Tx
from routstr.ledger import accounts, usage
from routstr.ledger.accounts import Entry
from routstr.ledger.entries import Held, TransferKind
from routstr.ledger.usage import HOUR, Usage
from tests.integration.ledger.bank import Bank, request, settlement

FOREVER = 1 << 53


async def spend(bank: Bank, account: int, cost: int, model: str, provider: str) -> int:
    """One request of an account."""
    asked = replace(request(account, 1_000, minimum=0), model=model)
    held = await bank.ledger.hold(asked)
    assert isinstance(held, Held)
    paid = settlement(held.hold, cost)
    await bank.ledger.settle(replace(paid, provider=provider, own_cost=cost // 2))
    return held.hold


async def late(bank: Bank, account: int) -> None:
    """A request that is settled after its hold had expired and its money was gone, in part."""
    held = await bank.ledger.hold(replace(request(account, 900), model="late"))
    assert isinstance(held, Held)
    await bank.ledger.release(held.hold, expire=True)
    await bank.db.write(lambda tx: drain(tx, bank, account))
    await bank.ledger.settle(replace(settlement(held.hold, 900), provider="p", own_cost=70))


def drain(tx: Tx, bank: Bank, account: int) -> None:
    """Sell a child key for nearly all that an account has."""
    entry = bank.entry(tx, account, 5_900, 0)
    revenue = bank.ledger.node.revenue
    sold = Entry(
        account, revenue, entry.amount, TransferKind.CHILD_KEYS, b"N" + b"1" * 8, 1, entry.at
    )
    assert accounts.post(tx, sold)


async def told(bank: Bank, *by: usage.Dimension, span: int = HOUR) -> Usage:
    """What is told of all times; it is what the books say, on the same snapshot."""

    def look(connection: Connection) -> tuple[Usage, int]:
        query = "SELECT sum(posted) FROM accounts WHERE kind = 20"
        booked = connection.exec_driver_sql(query).scalar_one()
        return usage.usage(connection, 0, FOREVER, by, span=span), booked

    seen, booked = await bank.db.read(look)
    assert seen.whole
    assert seen.total.booked == booked
    return seen
