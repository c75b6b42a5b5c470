"""How far the books were proven, so that the next verification can begin there.

A checkpoint is a place in ``transfers`` (an id below which no row appears any more, see
:mod:`routstr.ledger.horizon`) and what lies before it: how many rows, their sum, and per account
what they add up to. Those sums have rows of their own, each with the id that it reaches to, so
that they can be written in small parts: a row is right by itself, and an account without one that
reaches the checkpoint had no transfer in between.

Holds and sagas change until they end. Those that had ended need no second look; ``pending`` names
the others.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct
from sqlalchemy import Connection, text

from routstr.core.db import Tx
from routstr.core.db.upsert import insert_into
from routstr.ledger import archives, seals
from routstr.ledger.models import VerifiedAccount
from routstr.ledger.seals import Sealed

MOVED: Final = """
SELECT credit AS account, id, amount AS posted, 0 AS spent,
       CASE WHEN kind IN (1, 14) THEN amount ELSE 0 END AS deposited
FROM transfers WHERE id > :after AND id <= :upto
UNION ALL
SELECT debit, id, -amount, CASE kind WHEN 2 THEN amount ELSE 0 END, 0
FROM transfers WHERE id > :after AND id <= :upto
"""
"""Both sides of some transfers, as their accounts see them."""
ADDED: Final = f"""
SELECT m.account AS account, sum(m.posted) AS posted, sum(m.spent) AS spent,
       sum(m.deposited) AS deposited
FROM ({MOVED}) m LEFT JOIN verified_accounts v ON v.account = m.account
WHERE m.id > coalesce(v.upto, 0) GROUP BY m.account
"""  # noqa: S608 - constants of this program
"""What these transfers add to the proven sums of their accounts."""
_SUMS: Final = f"""
SELECT d.account, coalesce(v.posted, o.posted, 0) + d.posted,
       coalesce(v.spent, o.spent, 0) + d.spent, coalesce(v.deposited, 0) + d.deposited
FROM ({ADDED}) d LEFT JOIN verified_accounts v ON v.account = d.account
LEFT JOIN opening_balances o ON o.account = d.account ORDER BY d.account
"""  # noqa: S608
_COUNT: Final = (
    "SELECT count(*), coalesce(sum(amount), 0) FROM transfers WHERE id > :after AND id <= :upto"
)


class Frontier(Struct, frozen=True):
    """Rows with ids up to ``upto`` have ended, all but those in ``pending``."""

    upto: int = 0
    pending: tuple[int, ...] = ()

    @property
    def open_ids(self) -> tuple[int, ...]:
        """``pending`` for an ``IN`` that is never empty: for that one there is no good plan."""
        return self.pending or (0,)


class Checkpoint(Struct, frozen=True):
    """Proven: the ``count`` transfers with ids up to ``transfers``, ``amount`` msat in sum.

    Those count that have left for archives, before or since.
    ``seal`` is the newest one that there was then.
    """

    transfers: int = 0
    count: int = 0
    amount: int = 0
    holds: Frontier = Frontier()
    sagas: Frontier = Frontier()
    seal: Sealed = Sealed()


class Sums(Struct, frozen=True):
    """What an account's proven transfers add up to, msat."""

    account: int
    posted: int
    spent: int
    deposited: int


class Step(Struct, frozen=True):
    """The way to the next checkpoint: first the sums are stored, then the checkpoint."""

    checkpoint: Checkpoint
    sums: tuple[Sums, ...] = ()


def beginning(connection: Connection) -> Checkpoint:
    """Where proofs begin that follow no other: nothing, or what has left for archives."""
    count, amount = archives.removed(connection)
    return Checkpoint(count=count, amount=amount)


def step(connection: Connection, last: Checkpoint, upto: Mapping[str, int]) -> Step:
    """Work out the checkpoint at ``upto`` (ids by table) from the last one."""
    reach = {"after": last.transfers, "upto": upto["transfers"]}
    if reach["upto"] < reach["after"]:  # another instance has gone further meanwhile
        return Step(last)
    count, amount = connection.execute(text(_COUNT), reach).one()
    rows = connection.execute(text(_SUMS), reach)
    return Step(
        Checkpoint(
            transfers=reach["upto"],
            count=last.count + int(count),
            amount=last.amount + int(amount),
            holds=_frontier(connection, "holds", upto["holds"]),
            sagas=_frontier(connection, "sagas", upto["sagas"]),
            seal=seals.last(connection),
        ),
        tuple(Sums(*(int(value) for value in row)) for row in rows),
    )


def store(tx: Tx, sums: Sequence[Sums], upto: int) -> None:
    """Store proven sums that reach to ``upto``, but over none that reach further."""
    if not sums:
        return
    values = [
        {
            "account": one.account,
            "upto": upto,
            "posted": one.posted,
            "spent": one.spent,
            "deposited": one.deposited,
        }
        for one in sums
    ]
    new = insert_into(tx, VerifiedAccount)
    changes = {name: new.excluded[name] for name in ("upto", "posted", "spent", "deposited")}
    table = VerifiedAccount.__table__  # type: ignore[attr-defined]  # SQLModel does not declare it
    tx.sql.execute(
        new.on_conflict_do_update(
            index_elements=["account"], set_=changes, where=table.c.upto < new.excluded.upto
        ),
        values,
    )


def _frontier(connection: Connection, table: str, upto: int) -> Frontier:
    """Find the open rows by their own index: a condition on the id would lead past it."""
    rows = connection.execute(text(f"SELECT id FROM {table} WHERE state = 0"))  # noqa: S608
    return Frontier(upto, tuple(sorted(int(row[0]) for row in rows if row[0] <= upto)))
