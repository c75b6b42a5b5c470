"""Whoever has an export hashes the same as the node."""

import hashlib
import sqlite3

import pytest

from routstr.core.db.sqlite import database_path
from tests.integration.ledger.bank import Bank
from tests.integration.ledger.notary import sealer


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_an_outsider_hashes_the_same_as_the_node(bank: Bank, url: str) -> None:
    """By the words of docs/event-log.md, without a line of the node's code."""
    await bank.customer(5)
    await bank.customer(6)
    await sealer(bank).finish()
    raw = sqlite3.connect(database_path(url))
    columns = "id, debit, credit, amount, kind, key, reference, balance_after, created_at"
    hashed = f"routstr seal v1,1,{'00' * 32},2,2\n"
    for row in raw.execute(f"SELECT {columns} FROM transfers ORDER BY id"):
        values = [v.hex() if isinstance(v, bytes) else "" if v is None else str(v) for v in row]
        hashed += ",".join(values) + "\n"
    [(digest,)] = raw.execute("SELECT digest FROM seals").fetchall()
    raw.close()
    assert hashlib.sha256(hashed.encode()).digest() == digest
