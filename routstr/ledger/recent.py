"""The proof continued: what is new since a checkpoint, and what can still change.

The equations are those of :mod:`routstr.ledger.verify` under the same names. They cost what is new
plus one pass over the accounts, however many transfers lie before the checkpoint. Every account is
compared, moved or not; an old transfer that was changed is left to the full verification, which
compares the rows before the checkpoint with what was counted there (:func:`check_past`).

Everything that belongs to a hold of after the checkpoint, or of before it and open there, was
booked after it: no charge is looked for among the old ones.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, text

from routstr.ledger import archives
from routstr.ledger.checkpoint import ADDED, Checkpoint
from routstr.ledger.entries import TransferKind
from routstr.ledger.verify import (
    CHARGES,
    DEPOSITED,
    KEYS,
    LOSSES,
    SPENT,
    STRAY,
    TOTALS,
    Check,
    unequal,
)

PAST: Final = "what was verified before is unchanged"
_LAST_ID: Final = (1 << 63) - 1
_ACCOUNTS: Final = f"""
SELECT * FROM (
  SELECT a.id, a.posted,
         coalesce(v.posted, o.posted, 0) + coalesce(d.posted, 0) AS computed_posted,
         a.spent, coalesce(v.spent, o.spent, 0) + coalesce(d.spent, 0) AS computed_spent,
         a.deposited, coalesce(v.deposited, 0) + coalesce(d.deposited, 0) AS computed_deposited
  FROM accounts a LEFT JOIN verified_accounts v ON v.account = a.id
  LEFT JOIN opening_balances o ON o.account = a.id
  LEFT JOIN ({ADDED}) d ON d.account = a.id
) s WHERE posted <> computed_posted OR spent <> computed_spent OR deposited <> computed_deposited
"""  # noqa: S608 - constants of this program
_HOLDS: Final = """
SELECT h.id, h.charged, coalesce(t.total, 0) FROM holds h
LEFT JOIN (SELECT reference AS id, sum(amount) AS total FROM transfers
           WHERE id > :after AND kind = 2 GROUP BY reference) t ON t.id = h.id
WHERE (h.id > :holds OR h.id IN :pending)
  AND (h.charged <> coalesce(t.total, 0) OR (h.charged > 0 AND h.state NOT IN (1, 4)))
"""
_LATE: Final = """
SELECT h.id, h.charged, t.amount FROM transfers t JOIN holds h ON h.id = t.reference
WHERE t.id > :after AND t.kind = 2 AND h.id <= :holds AND h.id NOT IN :pending
  AND (h.charged <> t.amount OR h.state NOT IN (1, 4))
"""
"""Holds from before: they had expired and are settled late, or ended while the proof was made."""
_STRAY: Final = """
SELECT t.id, t.debit, h.account FROM transfers t LEFT JOIN holds h ON h.id = t.reference
WHERE t.id > :after AND t.kind = 2 AND (h.id IS NULL OR h.account <> t.debit)
"""
_LOST: Final = """
SELECT h.id, CASE h.state WHEN 4 THEN h.uncollected ELSE 0 END, coalesce(t.total, 0) FROM holds h
LEFT JOIN (SELECT reference AS id, sum(amount) AS total FROM transfers
           WHERE id > :after AND kind = 5 GROUP BY reference) t ON t.id = h.id
WHERE (h.id > :holds OR h.id IN :pending)
  AND CASE h.state WHEN 4 THEN h.uncollected ELSE 0 END <> coalesce(t.total, 0)
"""
_LOSS: Final = """
SELECT t.reference, CASE h.state WHEN 4 THEN h.uncollected ELSE 0 END, t.amount
FROM transfers t LEFT JOIN holds h ON h.id = t.reference
WHERE t.id > :after AND t.kind = 5
  AND (h.id IS NULL OR h.state <> 4 OR h.uncollected <> t.amount)
"""
_KEY_DIFFERS: Final = {
    "sqlite": "lower(hex(t.key)) <> :{} || printf('%016x', t.reference)",
    "postgresql": "encode(t.key, 'hex') <> :{} || lpad(to_hex(t.reference), 16, '0')",
}
_OWN_KEYS: Final = {
    TransferKind.CHARGE: (b"C",),
    TransferKind.LATE_LOSS: (b"L",),
    TransferKind.CHILD_KEYS: (b"N",),
}
_BEFORE: Final = "SELECT count(*), coalesce(sum(amount), 0) FROM transfers WHERE id <= :upto"
_NEWEST: Final = "SELECT coalesce(max(id), 0) FROM transfers"


def check_recent(connection: Connection, last: Checkpoint) -> list[Check]:
    """Verify what is new since a checkpoint; :func:`verify.check_standing` is the other part."""
    after = {"after": last.transfers}
    held = {**after, "holds": last.holds.upto, "pending": last.holds.open_ids}
    wrong = connection.execute(text(_ACCOUNTS), {**after, "upto": _LAST_ID}).all()
    return [
        Check(TOTALS, unequal((row[0], row[1], row[2]) for row in wrong if row[1] != row[2])),
        Check(CHARGES, unequal([*_ask(connection, _HOLDS, held), *_ask(connection, _LATE, held)])),
        Check(STRAY, unequal(connection.execute(text(_STRAY), after))),
        Check(LOSSES, unequal([*_ask(connection, _LOST, held), *_ask(connection, _LOSS, after)])),
        Check(SPENT, unequal((row[0], row[3], row[4]) for row in wrong if row[3] != row[4])),
        Check(DEPOSITED, unequal((row[0], row[5], row[6]) for row in wrong if row[5] != row[6])),
        Check(KEYS, strange_keys(connection, last, _OWN_KEYS)),
        Check(PAST, _lost_end(connection, last)),
    ]


def check_past(connection: Connection, last: Checkpoint) -> Check:
    """Compare the rows before a checkpoint with what was counted there; reads them all."""
    row = connection.execute(text(_BEFORE), {"upto": last.transfers}).one()
    gone, gone_amount = archives.removed(connection, last.transfers)
    count, amount = int(row[0]) + gone, int(row[1]) + gone_amount
    if (count, amount) == (last.count, last.amount):
        return Check(PAST, ())
    told = (
        f"up to {last.transfers}: {count} transfers of {amount} msat,"
        f" there were {last.count} of {last.amount} msat"
    )
    return Check(PAST, (told,))


def strange_keys(
    connection: Connection, last: Checkpoint, letters: Mapping[TransferKind, Sequence[bytes]]
) -> tuple[str, ...]:
    """Name new transfers whose key is none of those that belong to their kind and reference.

    Keys are unique: with the right one, none of them was posted before under another.
    """
    found: list[str] = []
    for kind, those in letters.items():
        values = {f"letter{place}": letter.hex() for place, letter in enumerate(those)}
        differs = " AND ".join(map(_KEY_DIFFERS[connection.dialect.name].format, values))
        query = (
            "SELECT t.id, t.kind, t.reference FROM transfers t"  # noqa: S608 - constants
            f" WHERE t.id > :after AND t.kind = :kind AND {differs}"
        )
        rows = connection.execute(
            text(query), {"after": last.transfers, "kind": int(kind), **values}
        )
        found += (
            f"transfer {row[0]}: not the key of kind {row[1]}, reference {row[2]}" for row in rows
        )
    return tuple(found)


def _lost_end(connection: Connection, last: Checkpoint) -> tuple[str, ...]:
    """Whether the newest transfers that were proven are gone, as after a wrong restore."""
    newest = int(connection.execute(text(_NEWEST)).scalar_one())
    if newest >= last.transfers:
        return ()
    return (f"the newest transfer is {newest}, {last.transfers} was verified",)


def _ask(connection: Connection, query: str, values: Mapping[str, Any]) -> Sequence[Row[Any]]:
    statement = text(query)
    if "pending" in values:
        statement = statement.bindparams(bindparam("pending", expanding=True))
    return connection.execute(statement, dict(values)).all()
