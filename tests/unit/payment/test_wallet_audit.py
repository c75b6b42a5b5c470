"""The wallet verified with itself."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, text

from routstr.core.db import migrate, sqlite
from routstr.payment.wallet_audit import (
    CLAIMED,
    COUNTED,
    GIVEN,
    RESERVED,
    check_wallet,
)

SAGA = (
    "INSERT INTO sagas (id, kind, state, purpose, mint, unit, gross, fee, plan, context,"
    " lease_owner, lease_epoch, created_at) VALUES ({}, {}, {}, 'any', 'm', 'sat', 8, 0, x'00',"
    " '{{}}', 1, 1, 1)"
)
PROOF = (
    "INSERT INTO proofs (id, keyset, counter, amount, c, y, status, saga)"
    " VALUES ({0}, 1, {0}, {1}, x'00', x'0{0}', {2}, {3})"
)
IN, OUT, OUT_OPEN, FAILED = 1, 2, 3, 4
KEYSET = (
    "INSERT INTO keysets (id, mint, keyset_id, unit, active, input_fee_ppk, keys, counter)"
    " VALUES (1, 'https://mint.example', '00aa', 'sat', 1, 0, '{}', 6)"
)
TOKEN = (
    "INSERT INTO issued_tokens (saga, account, mint, unit, amount, token, state, created_at)"
    f" VALUES ({OUT}, 1, 'm', 'sat', 3, x'00', 0, 1)"
)
WELL = (
    KEYSET,
    SAGA.format(IN, 1, 1),
    SAGA.format(OUT, 2, 1),
    SAGA.format(OUT_OPEN, 2, 0),
    SAGA.format(FAILED, 1, 2),
    PROOF.format(1, 32, 0, "NULL"),
    PROOF.format(2, 8, 1, OUT_OPEN),
    PROOF.format(3, 1, 3, OUT),
    PROOF.format(4, 2, 3, OUT),
    PROOF.format(5, 4, 2, IN),
    f"INSERT INTO claimed_y VALUES (x'01', {IN})",
    TOKEN,
)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path_factory.mktemp('wallet-audit') / 'routstr.db'}"
    migrate.upgrade(url)
    engine = sqlite.engine(url, read_only=False)
    yield engine
    engine.dispose()


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        for statement in WELL:
            connection.execute(text(statement))
        yield connection
        connection.exec_driver_sql("ROLLBACK")


def problems(connection: Connection, *, full: bool = True) -> dict[str, tuple[str, ...]]:
    checks = check_wallet(connection, full=full)
    return {check.name: check.problems for check in checks if not check.holds}


def test_a_wallet_in_order_holds(connection: Connection) -> None:
    assert problems(connection) == {}


@pytest.mark.parametrize(
    ("statement", "name", "told"),
    [
        ("UPDATE sagas SET state = 1 WHERE id = 3", RESERVED, "proof 2: saga 3 does not spend it"),
        ("UPDATE proofs SET saga = 99 WHERE id = 2", RESERVED, "proof 2: saga 99 does not"),
        ("UPDATE proofs SET saga = NULL WHERE id = 2", RESERVED, "proof 2: saga None does not"),
        ("UPDATE proofs SET status = 2 WHERE id = 4", GIVEN, "saga 2: face value 3, proofs of 1"),
        ("UPDATE issued_tokens SET state = 1", GIVEN, "saga 2: face value 0, proofs of 3"),
        ("UPDATE proofs SET saga = NULL WHERE id = 4", GIVEN, "saga 0: face value 0, proofs of 2"),
        ("UPDATE keysets SET counter = 5", COUNTED, "https://mint.example in sat: counter 5, num"),
        ("UPDATE claimed_y SET saga = 4", CLAIMED, "saga 4: 1 claims, and it has failed"),
        ("UPDATE claimed_y SET saga = 99", CLAIMED, "saga 99: 1 claims, and it has failed"),
    ],
)
def test_what_does_not_fit_is_named(
    connection: Connection, statement: str, name: str, told: str
) -> None:
    connection.execute(text(statement))
    found = problems(connection)
    assert name in found
    assert found[name][0].startswith(told)


def test_claims_are_looked_at_when_everything_is(connection: Connection) -> None:
    connection.execute(text("UPDATE claimed_y SET saga = 4"))
    assert problems(connection, full=False) == {}
