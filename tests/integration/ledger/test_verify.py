"""Each equation is broken once, and the check that names it says so."""

from typing import Final

import pytest
from sqlalchemy import Connection

from routstr.ledger import verify
from routstr.ledger.verify import Check
from tests.integration.ledger.bank import ASSET
from tests.integration.ledger.vandal import CHARGED, LOST, PAID_IN, UNIQUE_KEY, Books, run

GUARDS: Final = "triggers and checks are in place"
KEYS: Final = "no idempotency key was used twice"
AGAIN: Final = (
    "INSERT INTO transfers (debit, credit, amount, kind, key, reference, created_at) SELECT"
    " debit, credit, amount, kind, {key}, reference, created_at FROM transfers WHERE kind = 2"
)
CASES: list[tuple[str, list[str]]] = [
    ("postings sum to zero", ["UPDATE accounts SET posted = posted + 1 WHERE kind = 20"]),
    (
        "running balances equal the transfers",
        [
            "UPDATE accounts SET posted = posted + 1 WHERE kind = 20",
            "UPDATE accounts SET posted = posted - 1 WHERE kind = 10",
        ],
    ),
    ("running balances equal the transfers", ["UPDATE transfers SET amount = amount - 1"]),
    ("running balances equal the transfers", ["DELETE FROM transfers WHERE kind = 5"]),
    (
        "running balances equal the transfers",
        ["UPDATE transfers SET debit = credit, credit = debit WHERE kind = 2"],
    ),
    ("held equals the open holds", ["UPDATE accounts SET held = held + 1 WHERE held > 0"]),
    ("held equals the open holds", ["UPDATE accounts SET held = 0"]),
    ("held equals the open holds", ["UPDATE holds SET state = 2 WHERE state = 0"]),
    ("held equals the open holds", ["UPDATE holds SET state = 0 WHERE state = 2"]),
    ("limits hold what their open holds do", ["UPDATE key_limits SET held = held + 1"]),
    ("limits hold what their open holds do", ["UPDATE holds SET limit_id = NULL WHERE state = 0"]),
    ("limits count the charges of their keys", ["UPDATE key_limits SET spent = spent - 1"]),
    (
        "limits count the charges of their keys",
        ["UPDATE holds SET limit_period = 1 WHERE state = 1"],
    ),
    ("limits count every period's charges", ["UPDATE key_limits SET total_spent = 9999"]),
    ("limits count the requests of their keys", ["UPDATE key_limits SET total_requests = 9"]),
    (
        "limits count on their own account",
        ["UPDATE key_limits SET account = (SELECT min(id) FROM accounts)"],
    ),
    ("every hold was charged at most once", ["UPDATE holds SET charged = 1 WHERE state = 2"]),
    ("every hold was charged at most once", ["UPDATE holds SET state = 3 WHERE state = 1"]),
    (
        "every hold was charged at most once",
        [AGAIN.format(key="'again'")],
    ),
    (
        "every charge belongs to a hold of its account",
        ["UPDATE transfers SET reference = 999 WHERE kind = 2"],
    ),
    (
        "every charge belongs to a hold of its account",
        ["UPDATE holds SET account = (SELECT min(id) FROM accounts) WHERE state = 1"],
    ),
    ("every late settlement's loss is booked", ["DELETE FROM transfers WHERE kind = 5"]),
    (
        "every late settlement's loss is booked",
        ["UPDATE holds SET uncollected = uncollected + 1 WHERE state = 4"],
    ),
    (
        "every late settlement's loss is booked",
        ["UPDATE transfers SET reference = 1 WHERE kind = 5"],
    ),
    ("running totals of spending are right", ["UPDATE accounts SET spent = spent + 1"]),
    ("running totals of requests are right", ["UPDATE accounts SET requests = requests + 1"]),
    (
        "running totals of deposits are right",
        ["UPDATE accounts SET deposited = deposited - 1 WHERE kind = 1"],
    ),
    (
        "no customer is below zero",
        ["UPDATE accounts SET posted = held - 1 WHERE kind = 1"],
    ),
    ("no customer is below zero", ["UPDATE accounts SET held = posted + 1 WHERE kind = 4"]),
    (
        "assets equal the proofs held",
        ["UPDATE accounts SET posted = posted - 1 WHERE kind = 10"],
    ),
    ("what is owed is there", ["UPDATE accounts SET posted = posted + 5000 WHERE kind = 4"]),
]


def checks(connection: Connection, assets: int = PAID_IN) -> list[Check]:
    found = [*verify.check_books(connection), *verify.check_assets(connection, {ASSET: assets})]
    assert all(check.holds is (check.problems == ()) for check in found)
    return found


def broken(connection: Connection) -> set[str]:
    return {check.name for check in checks(connection) if not check.holds}


def test_books_that_agree_are_said_to(books: Books) -> None:
    with books.changed() as connection:
        assert broken(connection) == set()


@pytest.mark.parametrize(("name", "statements"), CASES, ids=[" ".join(s) for _, s in CASES])
def test_a_broken_equation_is_named(books: Books, name: str, statements: list[str]) -> None:
    with books.changed(*statements) as connection:
        assert name in broken(connection)


def test_a_guard_that_is_missing_is_named(books: Books) -> None:
    trigger = "transfers_no_update" if books.on_sqlite else "transfers_no_change ON transfers"
    with books.open() as connection:
        run(connection, f"DROP TRIGGER {trigger}")
        assert broken(connection) == {GUARDS}


def test_a_key_used_twice_is_named(books: Books) -> None:
    with books.open() as connection:
        if books.on_sqlite:
            books.without(connection, "transfers", UNIQUE_KEY)
        else:
            run(connection, "ALTER TABLE transfers DROP CONSTRAINT transfers_key_key")
        run(connection, AGAIN.format(key="key"))
        query = "SELECT min(key) FROM transfers WHERE kind = 2"
        key = bytes(connection.exec_driver_sql(query).scalar_one())
        [twice] = [check for check in checks(connection) if check.name == KEYS]
        assert twice.problems == (f"{key.hex()}: 2",)


def test_every_check_is_shown_to_fail(books: Books) -> None:
    with books.open() as connection:
        names = {check.name for check in checks(connection)}
    assert names == {name for name, _ in CASES} | {GUARDS, KEYS}


def test_problems_name_the_row_and_both_figures(books: Books) -> None:
    income = CHARGED + LOST
    with books.changed("UPDATE accounts SET posted = posted + 7 WHERE kind = 20") as connection:
        query = "SELECT id FROM accounts WHERE kind = 20"
        revenue = connection.exec_driver_sql(query).scalar_one()
        problems = {check.name: check.problems for check in checks(connection)}
    assert problems["postings sum to zero"] == ("the sum is 7 msat",)
    [problem] = problems["running balances equal the transfers"]
    assert problem == f"{revenue}: stored {income + 7}, computed {income}"


def test_a_customer_below_zero_is_named(books: Books) -> None:
    with books.changed("UPDATE accounts SET posted = -3, held = 4 WHERE kind = 1") as connection:
        query = "SELECT id FROM accounts WHERE kind = 1"
        customer = connection.exec_driver_sql(query).scalar_one()
        problems = {check.name: check.problems for check in checks(connection)}
    assert problems["no customer is below zero"] == (f"{customer}: posted -3, held 4",)


@pytest.mark.parametrize("proofs", [PAID_IN - 1, PAID_IN + 1, 0])
def test_proofs_and_books_must_agree_to_the_msat(books: Books, proofs: int) -> None:
    with books.open() as connection:
        agree, enough = verify.check_assets(connection, {ASSET: proofs})
    said = f"{ASSET}: {PAID_IN} msat in the books, {proofs} msat in proofs"
    assert agree.problems == (said,)
    assert enough.holds is (proofs >= PAID_IN - CHARGED)  # what was earned is owed to nobody


def test_what_is_owed_must_be_there_to_the_msat(books: Books) -> None:
    owed = PAID_IN - CHARGED
    with books.open() as connection:
        assert verify.liabilities(connection) == owed
        _, enough = verify.check_assets(connection, {ASSET: owed})
        _, short = verify.check_assets(connection, {ASSET: owed - 1})
    assert enough.holds
    assert short.problems == (f"{owed} msat are owed, {owed - 1} msat are there",)


def test_proofs_of_a_mint_that_the_books_do_not_know_are_named(books: Books) -> None:
    with books.open() as connection:
        agree, _ = verify.check_assets(connection, {ASSET: PAID_IN, "asset:sat:elsewhere": 5})
    assert agree.problems == ("asset:sat:elsewhere: 0 msat in the books, 5 msat in proofs",)
