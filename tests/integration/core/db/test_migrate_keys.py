"""Keys that were made before there were limits and child keys, on the way there and back."""

from typing import Final

import pytest
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DatabaseError

from routstr.core.db import migrate
from routstr.ledger.guards import missing_guards
from tests.integration.core.db.test_migrate import connected, head

BEFORE: Final = "0004"
OLD: Final = """
INSERT INTO accounts (id, kind, name, overdraft, closed, posted, held, deposited, spent, requests,
created_at) VALUES (1, 1, NULL, false, false, 700, 100, 1000, 300, 1, 5),
(2, 10, 'asset', true, false, -1000, 0, 0, 0, 0, 5),
(3, 20, 'revenue', true, false, 300, 0, 0, 0, 0, 5);
INSERT INTO transfers (debit, credit, amount, kind, key, reference, balance_after, created_at)
VALUES (2, 1, 1000, 1, 'R1', 1, 1000, 5), (1, 3, 300, 2, 'C1', 1, 700, 6);
INSERT INTO holds (id, account, amount, state, charged, uncollected, owner, request_id, model,
endpoint, price_version, rates, prompt_tokens, completion_tokens, estimated, created_at)
VALUES (1, 1, 300, 1, 300, 0, 1, 'r', 'm', 'e', 1, '', 1, 1, false, 5),
(2, 1, 100, 0, 0, 0, 1, 'r', 'm', 'e', 1, '', 0, 0, false, 6);
INSERT INTO api_keys (id, account, key_hash, public_id, mint, unit, metadata, created_at,
expires_at) VALUES (1, 1, 'hash', 'key_1', 'https://mint.example', 'sat', '{}', 5, NULL)
"""
TABLES: Final = ("accounts", "transfers", "holds", "api_keys")


@pytest.fixture
def url(database_url: str) -> str:
    """A database with a key that has spent and is spending, as it was before."""
    migrate.upgrade(database_url)
    migrate.downgrade(database_url, BEFORE)
    with connected(database_url) as connection:
        run(connection, *OLD.split(";"))
    return database_url


def run(connection: Connection, *statements: str) -> None:
    for statement in statements:
        connection.execute(text(statement))


def rows(connection: Connection, columns: dict[str, str]) -> dict[str, list[tuple[object, ...]]]:
    return {
        table: [
            tuple(row)
            for row in connection.execute(text(f"SELECT {names} FROM {table} ORDER BY id"))
        ]
        for table, names in columns.items()
    }


def columns(connection: Connection) -> dict[str, str]:
    inspector = inspect(connection)
    return {
        table: ", ".join(column["name"] for column in inspector.get_columns(table))
        for table in TABLES
    }


def test_keys_with_money_go_forward_and_back_unchanged(url: str) -> None:
    with connected(url) as connection:
        old = columns(connection)
        before = rows(connection, old)
    migrate.upgrade(url)
    with connected(url) as connection:
        assert rows(connection, old) == before
        added = "SELECT generation, limit_id, name, refund_address, refund_tries FROM api_keys"
        assert connection.execute(text(added)).all() == [(0, None, None, None, 0)]
        assert connection.execute(text("SELECT DISTINCT version FROM accounts")).all() == [(0,)]
        query = "SELECT DISTINCT limit_id, limit_period FROM holds"
        assert connection.execute(text(query)).all() == [(None, None)]
        assert missing_guards(connection) == []
    migrate.downgrade(url, BEFORE)
    with connected(url) as connection:
        assert columns(connection) == old
        assert rows(connection, old) == before


def test_the_rules_of_the_tables_outlive_the_way_back(url: str) -> None:
    migrate.upgrade(url)
    migrate.downgrade(url, BEFORE)
    for statement in (
        "UPDATE transfers SET amount = 1",
        "UPDATE accounts SET held = 9999 WHERE id = 1",
        "UPDATE holds SET charged = amount + 1",
        (
            "INSERT INTO api_keys (account, key_hash, public_id, mint, unit, metadata, created_at)"
            " VALUES (1, 'other', 'key_2', 'm', 'sat', '{}', 5)"
        ),
    ):
        with connected(url) as connection:
            tried = connection.begin_nested()
            with pytest.raises(DatabaseError):
                run(connection, statement)
            tried.rollback()


def test_what_the_older_version_cannot_say_is_not_dropped(url: str) -> None:
    migrate.upgrade(url)
    with connected(url) as connection:
        run(
            connection,
            "INSERT INTO key_limits (id, account, version, cap, reset, period, spent, forgiven,"
            " held, total_spent, total_requests) VALUES (1, 1, 0, 500, 1, 0, 0, 0, 0, 0, 0)",
            "INSERT INTO child_keys (parent, number, limit_id, key_hash, public_id, metadata,"
            " created_at) VALUES (1, 0, 1, 'child', 'key_2', '{}', 5)",
        )
    with pytest.raises(ValueError, match="1 keys have a limit or are child keys"):
        migrate.downgrade(url, BEFORE)
    with connected(url) as connection:
        assert connection.execute(text("SELECT count(*) FROM child_keys")).scalar_one() == 1
        assert missing_guards(connection) == []
    assert migrate.upgrade(url) == head()
