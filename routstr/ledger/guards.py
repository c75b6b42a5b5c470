"""The rules that the database itself enforces, and the check at start that they are still there.

A migration tool can drop a trigger or a CHECK without a word (SQLite's batch mode rebuilds tables),
so the node refuses to start without them.
"""

import re
from typing import Final

from sqlalchemy import Connection, inspect, text

_QUERIES: Final = {
    "sqlite": """SELECT name, sql FROM sqlite_master
        WHERE type = 'trigger' AND tbl_name = 'transfers'""",
    "postgresql": """SELECT t.tgname, pg_get_triggerdef(t.oid) || p.prosrc FROM pg_trigger t
        JOIN pg_proc p ON p.oid = t.tgfoid WHERE t.tgrelid = 'transfers'::regclass
        AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A')""",
}
_LEAVING: Final = (
    """OLD.id > (SELECT coalesce(max(upto), 0) FROM archives WHERE ended_at IS NULL)"""
)
_ABORT: Final = "BEGIN SELECT RAISE(ABORT, 'transfers are append-only'); END"
_APPEND_ONLY: Final = """EXECUTE FUNCTION transfers_append_only() BEGIN IF TG_OP = 'DELETE' THEN
IF OLD.kind = 2 AND OLD.id <= (SELECT coalesce(max(upto), 0) FROM archives WHERE ended_at IS NULL)
THEN RETURN OLD; END IF; END IF; RAISE EXCEPTION 'transfers are append-only'; END"""
_TRIGGERS: Final = {
    "sqlite": {
        "transfers_no_update": f"BEFORE UPDATE ON transfers {_ABORT}",
        "transfers_no_delete": "BEFORE DELETE ON transfers WHEN OLD.kind <> 2 OR "
        f"{_LEAVING} {_ABORT}",
    },
    "postgresql": {
        "transfers_no_change": f"BEFORE DELETE OR UPDATE ON transfers FOR EACH ROW {_APPEND_ONLY}",
        "transfers_no_truncate": f"BEFORE TRUNCATE ON transfers FOR EACH STATEMENT {_APPEND_ONLY}",
    },
}
"""What each does; only charges that are leaving for an archive may be deleted."""
_SCHEMA: Final = re.compile(r'(?:"(?:[^"]|"")+"|\w+)\.(?=transfers)')
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
    dialect = connection.dialect.name
    present = {row[0]: _plain(row[1]) for row in connection.execute(text(_QUERIES[dialect]))}
    missing = sorted(
        name
        for name, wanted in _TRIGGERS[dialect].items()
        if not present.get(name, "").endswith(_plain(wanted))
    )
    inspector = inspect(connection)
    for table, names in _CHECKS.items():
        found = {check["name"] for check in inspector.get_check_constraints(table)}
        missing += sorted(f"{table}.{name}" for name in names - found)
    keys = inspector.get_unique_constraints("transfers")
    if not any(key["column_names"] == ["key"] for key in keys):
        missing.append("transfers.key is unique")
    return missing


def _plain(definition: str) -> str:
    """Without what has no meaning there: line ends, capitals, the schema's name."""
    return " ".join(_SCHEMA.sub("", definition).split()).lower()
