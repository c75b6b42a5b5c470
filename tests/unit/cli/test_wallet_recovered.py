"""What was found beside the books, on the command line."""

import json

import pytest

from routstr.assembly.storage import open_database
from routstr.auth import repository
from routstr.auth.repository import NewKey
from routstr.auth.terms import NO_TERMS
from routstr.core.db import Tx
from routstr.core.node_key import NodeKey
from routstr.ledger.accounts import open_account
from routstr.ledger.entries import AccountKind
from routstr.money import Unit
from routstr.payment.found import book_recovered
from routstr.wallet.findings import Found
from tests.unit.cli.stage import KEY, LISTED, Stage, run

KEY_ID = "key_0123456789abcdef"


@pytest.fixture
def found(database: Stage) -> Stage:
    """A node with one key, that found 7 sat."""

    def write(tx: Tx) -> None:
        book_recovered(tx, Found(LISTED, Unit.SAT, 3, 0, 7, 1), 1)
        account = open_account(tx, AccountKind.KEY, 1)
        new = NewKey(account, b"hash", KEY_ID, LISTED, Unit.SAT, NO_TERMS, None, 1)
        repository.add(tx, new)

    async def enter() -> None:
        async with open_database(database.settings, NodeKey(KEY)) as db:
            await db.write(write)

    run(enter())
    return database


def there(stage: Stage) -> int:
    return int(json.loads(stage.run("recovered", "--json").output)["recovered_msat"])


def test_nothing_is_there_as_a_rule(database: Stage) -> None:
    said = database.run("recovered")
    assert (said.status, said.line) == (0, "0 msat were found, and are owed to nobody known.")
    said = database.run("recovered", "--take")
    assert (said.status, said.error) == (1, "Nothing was moved: there are 0 msat.\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--take", "--credit", KEY_ID),
        ("--msat", "5"),
        ("--name", "x"),
        ("--take", "--msat", "0"),
        ("--credit", "key_unknown"),
    ],
)
def test_wrong_usage(found: Stage, arguments: tuple[str, ...]) -> None:
    assert found.run("recovered", *arguments).status == 2
    assert there(found) == 7_000


def test_a_key_gets_a_part_once_and_the_operator_the_rest(found: Stage) -> None:
    part = ("recovered", "--credit", KEY_ID, "--msat", "2500", "--name", "ticket 7")
    assert found.run(*part).line == f"2,500 msat are on {KEY_ID} now."
    assert found.run(*part).line == "Nothing was moved: ticket 7 has been done before."
    assert json.loads(found.run(*part, "--json").output) == {"moved_msat": 0}
    assert there(found) == 4_500
    assert found.run("recovered", "--take").line == "4,500 msat are yours now."
    assert there(found) == 0
