"""Seals on the books of a bank, and what a verification says of them."""

from typing import Final

from sqlalchemy import Connection

from routstr.core.db import Database
from routstr.ledger.seal_check import check_seals
from routstr.ledger.sealer import Sealer
from tests.integration.ledger.bank import Bank

KEY: Final = b"k" * 32
"""Of the proofs."""


def sealer(bank: Bank, number: int = 0, rows: int = 3, key: bytes = KEY) -> Sealer:
    branch = bank.branches[number]
    return Sealer(branch.db, bank.clock, branch.id, key, rows=rows)


def problems(connection: Connection, key: bytes | None = KEY) -> tuple[str, ...]:
    return check_seals(connection, key).problems


async def found(db: Database) -> tuple[str, ...]:
    return await db.read(problems)
