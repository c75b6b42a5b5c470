"""The rules that the database itself enforces, and the check at start that they are still there.

A migration tool can drop a trigger or a CHECK without a word (SQLite's batch mode rebuilds tables),
so the node refuses to start without them.
"""

from typing import Final

from sqlalchemy import Connection, inspect, text

_TRIGGERS: Final = {
    "sqlite": (
        "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'transfers'",
        {"transfers_no_update", "transfers_no_delete"},
    ),
    "postgresql": (
        """SELECT tgname FROM pg_trigger WHERE tgrelid = 'transfers'::regclass
        AND NOT tgisinternal AND tgenabled IN ('O', 'A')""",
        {"transfers_no_change", "transfers_no_truncate"},
    ),
}
_CHECKS: Final = {
    "accounts": {"ck_accounts_available", "ck_accounts_held"},
    "transfers": {"ck_transfers_amount", "ck_transfers_two_accounts"},
    "holds": {"ck_holds_amount", "ck_holds_charged"},
    "key_limits": {"ck_key_limits_cap", "ck_key_limits_held", "ck_key_limits_spent"},
}


class GuardsMissing(ValueError):
    """The database does not enforce the rules of the ledger any more."""


def missing_guards(connection: Connection) -> list[str]:
    """Name every trigger and constraint that should protect the money and does not."""
    query, wanted = _TRIGGERS[connection.dialect.name]
    present = {row[0] for row in connection.execute(text(query))}
    missing = sorted(wanted - present)
    inspector = inspect(connection)
    for table, names in _CHECKS.items():
        found = {check["name"] for check in inspector.get_check_constraints(table)}
        missing += sorted(f"{table}.{name}" for name in names - found)
    keys = inspector.get_unique_constraints("transfers")
    if not any(key["column_names"] == ["key"] for key in keys):
        missing.append("transfers.key is unique")
    return missing
