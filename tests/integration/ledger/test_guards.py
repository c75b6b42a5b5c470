"""What the database itself refuses, and that a missing guard is noticed."""

import pytest
from sqlalchemy.exc import DBAPIError

from routstr.ledger.guards import missing_guards
from tests.integration.ledger.conftest import BOTH
from tests.integration.ledger.vandal import UNIQUE_KEY, Books, run

COLUMNS = "(id, debit, credit, amount, kind, key, reference, created_at)"
COPY = "SELECT id, debit, credit, 1, kind, key, reference, created_at FROM transfers WHERE true"
CHANGES = [
    "UPDATE transfers SET amount = amount + 1",
    "UPDATE transfers SET debit = credit, credit = debit WHERE id = 1",
    "DELETE FROM transfers",
    "DELETE FROM transfers WHERE id = 1",
    f"INSERT INTO transfers {COLUMNS} {COPY} ON CONFLICT (key) DO UPDATE SET amount = 1",
]
ONLY_SQLITE = [
    f"INSERT OR REPLACE INTO transfers {COLUMNS} {COPY}",
    f"REPLACE INTO transfers {COLUMNS} {COPY}",
    "UPDATE OR REPLACE transfers SET amount = 1",
    "UPDATE OR IGNORE transfers SET amount = 1",
]
MERGE = "MERGE INTO transfers t USING accounts a ON a.id = t.credit WHEN MATCHED THEN"
ONLY_POSTGRES = [
    "TRUNCATE transfers",
    "TRUNCATE accounts CASCADE",
    f"{MERGE} UPDATE SET amount = 1",
    f"{MERGE} DELETE",
]


@pytest.mark.parametrize("statement", [*CHANGES, *ONLY_SQLITE, *ONLY_POSTGRES])
def test_transfers_are_never_changed_whoever_tries(books: Books, statement: str) -> None:
    if statement in (ONLY_POSTGRES if books.on_sqlite else ONLY_SQLITE):
        return  # no such statement there
    with books.open() as connection, pytest.raises(DBAPIError, match="transfers are append-only"):
        connection.exec_driver_sql(statement)


@pytest.mark.parametrize(
    ("statement", "check"),
    [
        ("UPDATE accounts SET posted = -1 WHERE NOT overdraft", "ck_accounts_available"),
        ("UPDATE accounts SET held = posted + 1 WHERE kind = 1", "ck_accounts_available"),
        ("UPDATE accounts SET held = -1 WHERE overdraft", "ck_accounts_held"),
        ("UPDATE holds SET amount = -1, charged = -1", "ck_holds_"),
        ("UPDATE holds SET charged = amount + 1", "ck_holds_charged"),
        ("UPDATE holds SET charged = -1", "ck_holds_charged"),
    ],
)
def test_the_database_repeats_the_rules(books: Books, statement: str, check: str) -> None:
    with books.open() as connection, pytest.raises(DBAPIError, match=check):
        connection.exec_driver_sql(statement)


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ("999999, id, 1, 1, 'k'", r"(?i)foreign key"),
        ("id, 999999, 1, 1, 'k'", r"(?i)foreign key"),
        ("id, id, 1, 1, 'k'", "ck_transfers_two_accounts"),
        ("id, id - 1, 0, 1, 'k'", "ck_transfers_amount"),
        ("id, id - 1, -1, 1, 'k'", "ck_transfers_amount"),
        ("id, id - 1, 1, 1, (SELECT min(key) FROM transfers)", r"(?i)unique"),
    ],
)
def test_a_transfer_that_cannot_be_is_refused(books: Books, values: str, rule: str) -> None:
    columns = "(debit, credit, amount, kind, key, reference, created_at)"
    source = f"SELECT {values}, 1, 1 FROM accounts WHERE kind = 1"
    with books.open() as connection, pytest.raises(DBAPIError, match=rule):
        connection.exec_driver_sql(f"INSERT INTO transfers {columns} {source}")


def test_a_migrated_database_has_every_guard(books: Books) -> None:
    with books.open() as connection:
        assert missing_guards(connection) == []


@pytest.mark.parametrize("books", ["sqlite"], indirect=True)
@pytest.mark.parametrize("trigger", ["transfers_no_update", "transfers_no_delete"])
def test_a_missing_trigger_is_noticed(books: Books, trigger: str) -> None:
    with books.open() as connection:
        query = f"SELECT sql FROM sqlite_master WHERE name = '{trigger}'"
        sql = connection.exec_driver_sql(query).scalar_one()
        run(connection, f"DROP TRIGGER {trigger}")
        assert missing_guards(connection) == [trigger]
        run(connection, sql.replace("ON transfers", "ON accounts"))  # elsewhere it guards nothing
        assert missing_guards(connection) == [trigger]


@pytest.mark.parametrize("books", BOTH[1:], indirect=True)
@pytest.mark.parametrize("trigger", ["transfers_no_change", "transfers_no_truncate"])
@pytest.mark.parametrize("change", ["DISABLE TRIGGER", "ENABLE REPLICA TRIGGER"])
def test_a_trigger_that_is_switched_off_is_noticed(books: Books, trigger: str, change: str) -> None:
    with books.open() as connection:
        run(connection, f"ALTER TABLE transfers {change} {trigger}")
        assert missing_guards(connection) == [trigger]


@pytest.mark.parametrize("books", BOTH[1:], indirect=True)
@pytest.mark.parametrize("schema", ["own", '"Its Own"', '"a.b"', '"we""ird"'])
def test_the_name_of_the_schema_does_not_matter(books: Books, schema: str) -> None:
    with books.open() as connection:
        run(connection, f"ALTER SCHEMA public RENAME TO {schema}")
        run(connection, f"SET search_path = {schema}")
        assert missing_guards(connection) == []


@pytest.mark.parametrize(
    ("table", "name", "rule"),
    [
        ("accounts", "ck_accounts_available", "CHECK (overdraft OR posted - held >= 0)"),
        ("accounts", "ck_accounts_held", "CHECK (held >= 0)"),
        ("transfers", "ck_transfers_amount", "CHECK (amount > 0)"),
        ("transfers", "ck_transfers_two_accounts", "CHECK (debit <> credit)"),
        ("holds", "ck_holds_amount", "CHECK (amount >= 0)"),
        ("holds", "ck_holds_charged", "CHECK (charged >= 0 AND charged <= amount)"),
    ],
)
def test_a_missing_check_is_noticed(books: Books, table: str, name: str, rule: str) -> None:
    with books.open() as connection:
        if books.on_sqlite:
            books.without(connection, table, f"CONSTRAINT {name} {rule}")
        else:
            run(connection, f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        assert missing_guards(connection) == [f"{table}.{name}"]


def test_keys_that_are_not_unique_any_more_are_noticed(books: Books) -> None:
    with books.open() as connection:
        if books.on_sqlite:
            books.without(connection, "transfers", UNIQUE_KEY)
        else:
            run(connection, "ALTER TABLE transfers DROP CONSTRAINT transfers_key_key")
        assert missing_guards(connection) == ["transfers.key is unique"]
