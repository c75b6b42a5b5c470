"""The proof that the books agree with themselves: everything recomputed from ``transfers``.

What has left for an archive is counted by its opening sums, which grow as the rows go.

Each check returns the lines that are wrong; no line means that it holds. What the wallet has is
compared by the caller, which gives this module the assets as the wallet counts them.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import Connection, text

from routstr.ledger.entries import NEVER_NEGATIVE, AccountKind
from routstr.ledger.guards import missing_guards

TOTALS: Final = "running balances equal the transfers"
CHARGES: Final = "every hold was charged at most once"
STRAY: Final = "every charge belongs to a hold of its account"
LOSSES: Final = "every late settlement's loss is booked"
SPENT: Final = "running totals of spending are right"
DEPOSITED: Final = "running totals of deposits are right"
KEYS: Final = "no idempotency key was used twice"


class Check(Struct, frozen=True):
    """One equation and what breaks it."""

    name: str
    problems: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing breaks it."""
        return not self.problems


_TOTALS = """
SELECT * FROM (
  SELECT a.id, a.posted,
         coalesce(o.posted, 0) + coalesce(c.total, 0) - coalesce(d.total, 0) AS computed
  FROM accounts a
  LEFT JOIN opening_balances o ON o.account = a.id
  LEFT JOIN (SELECT credit AS id, sum(amount) AS total FROM transfers GROUP BY credit) c
    ON c.id = a.id
  LEFT JOIN (SELECT debit AS id, sum(amount) AS total FROM transfers GROUP BY debit) d
    ON d.id = a.id
) s WHERE posted <> computed
"""
_HELD = """
SELECT a.id, a.held, coalesce(h.total, 0) FROM accounts a
LEFT JOIN (SELECT account AS id, sum(amount) AS total FROM holds WHERE state = 0
           GROUP BY account) h ON h.id = a.id
WHERE a.held <> coalesce(h.total, 0)
"""
_CHARGES = """
SELECT h.id, h.charged, coalesce(t.total, 0) FROM holds h
LEFT JOIN (SELECT reference AS id, sum(amount) AS total FROM transfers WHERE kind = 2
           GROUP BY reference) t ON t.id = h.id
WHERE h.charged <> coalesce(t.total, 0) OR (h.charged > 0 AND h.state NOT IN (1, 4))
"""
_SPENT = """
SELECT a.id, a.spent, coalesce(o.spent, 0) + coalesce(t.total, 0) FROM accounts a
LEFT JOIN opening_balances o ON o.account = a.id
LEFT JOIN (SELECT debit AS id, sum(amount) AS total FROM transfers WHERE kind = 2
           GROUP BY debit) t ON t.id = a.id
WHERE a.spent <> coalesce(o.spent, 0) + coalesce(t.total, 0)
"""
_DEPOSITED = """
SELECT a.id, a.deposited, coalesce(t.total, 0) FROM accounts a
LEFT JOIN (SELECT credit AS id, sum(amount) AS total FROM transfers WHERE kind IN (1, 14)
           GROUP BY credit) t ON t.id = a.id
WHERE a.deposited <> coalesce(t.total, 0)
"""
_REQUESTS = """
SELECT a.id, a.requests, coalesce(o.requests, 0) + coalesce(h.total, 0) FROM accounts a
LEFT JOIN opening_balances o ON o.account = a.id
LEFT JOIN (SELECT account AS id, count(*) AS total FROM holds WHERE state IN (1, 4)
           GROUP BY account) h ON h.id = a.id
WHERE a.requests <> coalesce(o.requests, 0) + coalesce(h.total, 0)
"""
_STRAY_CHARGES = """
SELECT t.id, t.debit, h.account FROM transfers t LEFT JOIN holds h ON h.id = t.reference
WHERE t.kind = 2 AND (h.id IS NULL OR h.account <> t.debit)
"""
_LOSSES = """
SELECT h.id, CASE h.state WHEN 4 THEN h.uncollected ELSE 0 END, coalesce(t.total, 0) FROM holds h
LEFT JOIN (SELECT reference AS id, sum(amount) AS total FROM transfers WHERE kind = 5
           GROUP BY reference) t ON t.id = h.id
WHERE CASE h.state WHEN 4 THEN h.uncollected ELSE 0 END <> coalesce(t.total, 0)
"""
_LIMITS_HELD = """
SELECT l.id, l.held, coalesce(h.total, 0) FROM key_limits l
LEFT JOIN (SELECT limit_id AS id, limit_period AS period, sum(amount) AS total FROM holds
           WHERE state = 0 AND limit_id IS NOT NULL GROUP BY limit_id, limit_period) h
  ON h.id = l.id AND h.period = l.period
WHERE l.held <> coalesce(h.total, 0)
"""
_LIMITS_SPENT = """
SELECT l.id, l.spent, coalesce(o.spent, 0) + coalesce(h.total, 0) FROM key_limits l
LEFT JOIN opening_limits o ON o.limit_id = l.id AND o.period = l.period
LEFT JOIN (SELECT limit_id AS id, limit_period AS period, sum(charged) AS total FROM holds
           WHERE limit_id IS NOT NULL GROUP BY limit_id, limit_period) h
  ON h.id = l.id AND h.period = l.period
WHERE l.spent <> coalesce(o.spent, 0) + coalesce(h.total, 0)
"""
_LIMITS_TOTAL = """
SELECT l.id, l.total_spent, coalesce(o.total_spent, 0) + coalesce(h.total, 0) FROM key_limits l
LEFT JOIN opening_limits o ON o.limit_id = l.id
LEFT JOIN (SELECT limit_id AS id, sum(charged) AS total FROM holds
           WHERE limit_id IS NOT NULL GROUP BY limit_id) h ON h.id = l.id
WHERE l.total_spent <> coalesce(o.total_spent, 0) + coalesce(h.total, 0)
"""
_LIMITS_REQUESTS = """
SELECT l.id, l.total_requests, coalesce(o.requests, 0) + coalesce(h.total, 0) FROM key_limits l
LEFT JOIN opening_limits o ON o.limit_id = l.id
LEFT JOIN (SELECT limit_id AS id, count(*) AS total FROM holds
           WHERE limit_id IS NOT NULL AND state IN (1, 4) GROUP BY limit_id) h ON h.id = l.id
WHERE l.total_requests <> coalesce(o.requests, 0) + coalesce(h.total, 0)
"""
_LIMITS_STRAY = """
SELECT h.id, h.account, l.account FROM holds h JOIN key_limits l ON l.id = h.limit_id
WHERE h.account <> l.account
"""
_KEYS = "SELECT key, count(*) FROM transfers GROUP BY key HAVING count(*) > 1"
_SUM = "SELECT coalesce(sum(posted), 0) FROM accounts"


def check_books(connection: Connection) -> list[Check]:
    """Recompute everything the ledger says about itself."""
    return [
        *check_standing(connection),
        _compare(connection, TOTALS, _TOTALS),
        _compare(connection, CHARGES, _CHARGES),
        _compare(connection, STRAY, _STRAY_CHARGES),
        _compare(connection, LOSSES, _LOSSES),
        _compare(connection, SPENT, _SPENT),
        _compare(connection, "running totals of requests are right", _REQUESTS),
        _compare(connection, DEPOSITED, _DEPOSITED),
        _compare(connection, "limits count the charges of their keys", _LIMITS_SPENT),
        _compare(connection, "limits count every period's charges", _LIMITS_TOTAL),
        _compare(connection, "limits count the requests of their keys", _LIMITS_REQUESTS),
        _compare(connection, "limits count on their own account", _LIMITS_STRAY),
        Check(
            KEYS,
            tuple(f"{bytes(row[0]).hex()}: {row[1]}" for row in connection.execute(text(_KEYS))),
        ),
    ]


def check_standing(connection: Connection) -> list[Check]:
    """Verify what needs no transfer: the accounts, the open holds, the rules of the tables."""
    total = int(connection.execute(text(_SUM)).scalar_one())
    return [
        Check("triggers and checks are in place", tuple(missing_guards(connection))),
        Check("postings sum to zero", () if total == 0 else (f"the sum is {total} msat",)),
        _compare(connection, "held equals the open holds", _HELD),
        _compare(connection, "limits hold what their open holds do", _LIMITS_HELD),
        _no_negative(connection),
    ]


def check_assets(connection: Connection, proofs: Mapping[str, int]) -> list[Check]:
    """Compare asset accounts with the proofs (msat by account name), and both with what is owed."""
    rows = connection.execute(
        text("SELECT name, -posted FROM accounts WHERE kind = :kind"),
        {"kind": int(AccountKind.ASSET)},
    )
    booked = {str(row[0]): int(row[1]) for row in rows}
    wrong = [
        f"{name}: {booked.get(name, 0)} msat in the books, {proofs.get(name, 0)} msat in proofs"
        for name in sorted(booked.keys() | proofs.keys())
        if booked.get(name, 0) != proofs.get(name, 0)
    ]
    owed = liabilities(connection)
    assets = sum(proofs.values()) + between_mints(connection)
    short = () if owed <= assets else (f"{owed} msat are owed, {assets} msat are there",)
    return [
        Check("assets equal the proofs held", tuple(wrong)),
        Check("what is owed is there", short),
    ]


def liabilities(connection: Connection) -> int:
    """Sum of everything the node owes, in msat."""
    kinds = ",".join(str(int(kind)) for kind in sorted(NEVER_NEGATIVE))
    query = f"SELECT coalesce(sum(posted), 0) FROM accounts WHERE kind IN ({kinds})"  # noqa: S608
    return int(connection.execute(text(query)).scalar_one())


def between_mints(connection: Connection) -> int:
    """What has left one mint for another and not arrived, in msat: an asset without a proof.

    Fees that are set aside for what is under way count against it.
    """
    query = text("SELECT coalesce(-sum(posted), 0) FROM accounts WHERE kind = :kind")
    return int(connection.execute(query, {"kind": int(AccountKind.TRANSIT)}).scalar_one())


def unequal(rows: Iterable[Sequence[Any]]) -> tuple[str, ...]:
    """Say of each row (what, stored, computed) that it differs, once."""
    lines = (f"{row[0]}: stored {row[1]}, computed {row[2]}" for row in rows)
    return tuple(dict.fromkeys(lines))


def merged(checks: Iterable[Check]) -> list[Check]:
    """Make one of all checks with the same name: it holds when all of them do."""
    found: dict[str, dict[str, None]] = {}
    for check in checks:
        found.setdefault(check.name, {}).update(dict.fromkeys(check.problems))
    return [Check(name, tuple(problems)) for name, problems in found.items()]


def _compare(connection: Connection, name: str, query: str) -> Check:
    return Check(name, unequal(connection.execute(text(query))))


def _no_negative(connection: Connection) -> Check:
    rows = connection.execute(
        text("SELECT id, posted, held FROM accounts WHERE NOT overdraft AND posted - held < 0")
    )
    return Check(
        "no customer is below zero",
        tuple(f"{row[0]}: posted {row[1]}, held {row[2]}" for row in rows),
    )
