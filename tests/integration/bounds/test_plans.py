"""What pages ask of the database is found by indexes, however large the books are.

The statements that pages cause are caught and explained. SQLite explains them for empty tables and
for what it would know of very large ones; PostgreSQL for empty tables, told to avoid what it can.
"""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import Connection, event

from routstr.admin.wallet import overview
from routstr.auth import key_lists, repository
from routstr.auth.key_lists import Which
from routstr.core.db import postgres, sqlite
from routstr.ledger import (
    books,
    browse,
    charges,
    key_limits,
    requests,
    seal_check,
    seals,
    spending,
    usage,
)
from routstr.ledger.browse import Filter
from routstr.ledger.kinds import AccountKind, TransferKind
from routstr.ledger.seals import Sealed
from routstr.ledger.usage import DAY
from routstr.wallet import mint_swaps, papers, trail
from routstr.wallet.models import QuoteState, SagaKind
from routstr.wallet.overview import newest_movements, open_movements

LARGE: Final = frozenset(
    {
        *("accounts", "api_keys", "child_keys", "holds", "issued_tokens", "key_limits"),
        *("mint_quotes", "proofs", "sagas", "seals", "transfers"),
    }
)
FEW: Final = frozenset(
    {
        *("ix_holds_open", "ix_issued_unclaimed", "ix_mint_quotes_due", "ix_proofs_held"),
        "ix_sagas_open",
    }
)
"""Indexes of a few rows among many: to read one whole is no walk through its table."""

STATISTICS: Final = (
    ("accounts", "sqlite_autoindex_accounts_1", "100000 9000"),
    ("api_keys", "ix_api_keys_public_id", "100000 1"),
    ("child_keys", "ix_child_keys_public_id", "1000 1"),
    ("holds", "ix_holds_open", "10 1"),
    ("holds", None, "4800000"),
    ("issued_tokens", "ix_issued_account", "50000 1 1"),
    ("key_limits", "ix_key_limits_account", "1000 1"),
    ("keysets", "sqlite_autoindex_keysets_1", "1 1 1"),
    ("mint_quotes", "ix_mint_quotes_payment_hash", "100000 1"),
    ("mint_quotes", "ix_mint_quotes_saga", "100000 100000"),
    ("proofs", "ix_proofs_held", "26 26 26"),
    ("proofs", "sqlite_autoindex_proofs_1", "500000 500000 1"),
    ("sagas", "ix_sagas_account", "150000 2"),
    ("transfers", "ix_transfers_credit", "200000 2 1"),
    ("transfers", "ix_transfers_debit", "5000000 50 1"),
    ("transfers", "ix_transfers_kind", "200000 66667 1"),
)
"""What ANALYZE finds in large books."""

Asked = Callable[[Connection], object]


def turned(which: Filter, before: int | None = None) -> Asked:
    return lambda c: browse.transfers(c, which, limit=50, before=before)


def keys(which: Which) -> Asked:
    return lambda c: key_lists.page(c, which, limit=50, before=1_000, now=1)


def tokens(state: str, account: int | None = None) -> Asked:
    return lambda c: papers.given_tokens(c, state, account=account, limit=50, before=1_000)


def invoices(*states: QuoteState, purpose: str = "", hashed: bytes | None = None) -> Asked:
    return lambda c: papers.quotes(
        c, states=states, purpose=purpose, payment_hash=hashed, limit=50, before=1_000
    )


def held(kind: AccountKind) -> requests.Held:
    values: dict[str, Any] = dict.fromkeys(requests.Held.__struct_fields__, 1)
    return requests.Held(**{**values, "kind": kind})


_DEPOSIT: Final = TransferKind.DEPOSIT
ASKED: Final[dict[str, Asked]] = {
    "transfers": turned(Filter()),
    "older transfers": turned(Filter(), 1_000),
    "transfers of charges": turned(Filter(TransferKind.CHARGE)),
    "transfers of another kind": turned(Filter(_DEPOSIT)),
    "transfers of a time": turned(Filter(since=10**9, until=10**10)),
    "transfers of a kind and time": turned(Filter(_DEPOSIT, since=10**9, until=10**10)),
    "transfers of a key": turned(Filter(account=7)),
    "transfers of a key and kind": turned(Filter(_DEPOSIT, account=7)),
    "charges of a key and time": turned(Filter(TransferKind.CHARGE, 7, 10**9, 10**10)),
    "open holds": lambda c: browse.open_holds(c, 7, 100),
    "owners": lambda c: key_lists.owners(c, {1, 2, 3}),
    "found keys": lambda c: key_lists.search(c, "ab", 50),
    "one key": lambda c: key_lists.one(c, "key_0123456789abcdef"),
    "child keys": lambda c: key_lists.children_of(c, 7, 50),
    "limits": lambda c: key_limits.read_limits(c, [7], 10**12),
    "a customer's key": lambda c: repository.find(c, b"x" * 32),
    **{f"keys: {which}": keys(which) for which in Which},
    **{f"tokens: {state}": tokens(state) for state in ("", "issued", "collected", "pending")},
    "failed tokens": tokens("failed"),
    "tokens of a key": tokens("", 7),
    "invoices": invoices(),
    "invoices of a state": invoices(QuoteState.PAID, QuoteState.ISSUED),
    "invoices of a purpose": invoices(purpose="lightning_create"),
    "one invoice": invoices(hashed=b"x" * 32),
    "what moved": lambda c: papers.moved(c, [SagaKind.SEND], limit=50, before=1_000),
    "holds of a request": lambda c: requests.holds_of(c, "r", 1, 2),
    "a request's charge": lambda c: requests.money_of(c, held(AccountKind.KEY)),
    "a payment's transfers": lambda c: requests.money_of(c, held(AccountKind.PAYMENT)),
    "a customer's history": lambda c: books.history(c, 7, limit=50, before=1_000),
    "a customer's spending": lambda c: spending.spending(c, 7),
    "glances": lambda c: spending.glances(c, [7, 8]),
    "traces": lambda c: trail.trail(c, [7, 8]),
    "a receipt": lambda c: charges.charges_of(c, 7, "r", limit=1, before=1_000),
    "the newest seal": seals.last,
    "a charge's seal": lambda c: seals.covering(c, 7),
    "what is sealed next": lambda c: seals.draft(c, 1_000, 50),
    "what was sealed since": lambda c: seal_check.check_seals(c, None, Sealed(7, 9)),
    "what the node has": books.node_balances,
    "what was earned": lambda c: usage.usage(c, 0, DAY, ("start", "model")),
    "the wallet": overview.look,
    "open sagas": open_movements,
    "sagas": lambda c: newest_movements(c, 50, 1_000),
    "moves between mints": lambda c: mint_swaps.newest(c, 50),
}
WALKED: Final = {
    "transfers": {"transfers"},
    "transfers of charges": {"transfers"},
    "the wallet": {"accounts"},
}
"""Read from its end, as far as a page goes, or read as a whole though it may grow."""


def caught(connection: Connection, asked: Asked) -> list[tuple[str, Any]]:
    """The statements that something causes."""
    found: list[tuple[str, Any]] = []

    def hear(_c: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        found.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", hear)
    asked(connection)
    event.remove(connection, "before_cursor_execute", hear)
    return found


def scanned(connection: Connection, statement: str, parameters: Any) -> set[str]:
    """The large tables that a statement reads through."""
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        words = [row[3].split() for row in rows]
        # all proofs of a keyset are as good as all proofs
        whole = [line for line in words if line[0] == "SCAN" or line[-1] == "(keyset=?)"]
        return {line[1] for line in whole if not FEW & {*line}} & LARGE
    plan = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters).scalar_one()
    return set(_read_through(plan[0]["Plan"])) & LARGE


def _read_through(node: dict[str, Any], *, is_page: bool = False) -> Iterator[str]:
    """Tables of scans without a condition; a page is read from the end of one if all of it fits."""
    is_whole = "Index Cond" not in node and node.get("Index Name") not in FEW
    reads = "Relation Name" in node and node["Node Type"] != "ModifyTable"
    if reads and is_whole and ("Filter" in node or not is_page):
        yield node["Relation Name"]
    for part in node.get("Plans", ()):
        yield from _read_through(part, is_page=node["Node Type"] == "Limit")


def unexpected(connection: Connection) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, asked in ASKED.items():
        for statement, parameters in caught(connection, asked):
            found.setdefault(name, set()).update(scanned(connection, statement, parameters))
    return {name: seen for name, its in found.items() if (seen := its - WALKED.get(name, set()))}


def test_pages_read_through_no_large_table(migrated_file: Path, tmp_path: Path) -> None:
    file = shutil.copy(migrated_file, tmp_path)
    for rows in ((), STATISTICS):
        with sqlite3.connect(file) as raw:
            raw.execute("ANALYZE")
            raw.executemany("INSERT INTO sqlite_stat1 VALUES (?, ?, ?)", rows)
        engine = sqlite.engine(f"sqlite:///{file}", read_only=True)
        with engine.connect() as connection:
            found = unexpected(connection)
        engine.dispose()
        assert found == {}


@pytest.mark.postgres
def test_nor_do_they_on_postgresql(migrated_url: str) -> None:
    engine = postgres.engine(migrated_url, read_only=True)
    with engine.connect() as connection:
        for way in ("seqscan", "bitmapscan", "mergejoin", "hashjoin"):
            connection.exec_driver_sql(f"SET enable_{way} = off")
        found = unexpected(connection)
    engine.dispose()
    assert found == {}


def test_a_walk_is_noticed(migrated_file: Path) -> None:
    engine = sqlite.engine(f"sqlite:///{migrated_file}", read_only=True)
    with engine.connect() as connection:
        walk = "SELECT id FROM holds WHERE account = ? ORDER BY id DESC LIMIT 5"
        assert scanned(connection, walk, (1,)) == {"holds"}
    engine.dispose()
