"""The proof of a ledger continued from checkpoint to checkpoint, as the node's verifier does."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import Connection

from routstr.core.db import Database
from routstr.ledger import checkpoint, horizon, recent, verdict, verify
from routstr.ledger.checkpoint import Checkpoint, Step
from routstr.ledger.verdict import Verdict
from routstr.ledger.verify import Check

TABLES: Final = ("transfers", "holds", "sagas")
START: Final = Checkpoint()
"""Nothing is proven: everything is new."""


def broken(checks: list[Check]) -> set[str]:
    return {check.name for check in checks if not check.holds}


def since(connection: Connection, last: Checkpoint) -> set[str]:
    """Names of the equations that a continued verification finds broken."""
    return broken([*verify.check_standing(connection), *recent.check_recent(connection, last)])


def in_full(connection: Connection, last: Checkpoint) -> set[str]:
    """Names of those that a full one finds."""
    past = recent.check_past(connection, last)
    full = broken([*verify.check_books(connection), past])
    return full | since(connection, last)


async def advance(db: Database, *, wait_seconds: float = 5) -> set[str]:
    """Verify what is new; when it holds, the next proof begins here."""
    upto = await horizon.find(db, TABLES, wait_seconds=wait_seconds)
    wrong, seen, step = await db.read(lambda c: _look(c, upto))
    if step is not None:
        await db.write(lambda tx: checkpoint.store(tx, step.sums, step.checkpoint.transfers))
        await db.write(lambda tx: verdict.prove(tx, seen, step.checkpoint, full_at=None))
    return wrong


async def last(db: Database) -> Checkpoint:
    """Where the next proof begins."""
    return (await db.read(verdict.read)).checkpoint or START


def _look(
    connection: Connection, upto: Mapping[str, int] | None
) -> tuple[set[str], Verdict, Step | None]:
    seen = verdict.read(connection)
    begin = seen.checkpoint or checkpoint.beginning(connection)
    wrong = since(connection, begin)
    if wrong or upto is None:
        return wrong, seen, None
    return wrong, seen, checkpoint.step(connection, begin, upto)
