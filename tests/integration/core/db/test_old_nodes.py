"""An upgrade keeps every sat, from each version there was; so does the way back."""

from typing import Any, Final

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from routstr.core.db import migrate
from routstr.ledger.guards import missing_guards
from routstr.payment.audit import Audit, audit
from tests.integration.core.db.old_nodes import KEY, WRITTEN, make_old
from tests.integration.core.db.test_migrate import connected

USUAL: Final = ("0001", "0005", "0013")
"""Among the usual checks: from the first, before keys had more than money, before late columns."""
REVISIONS: Final = [
    revision if revision in USUAL else pytest.param(revision, marks=pytest.mark.slow)
    for revision in WRITTEN
]


def everything(connection: Connection) -> dict[str, list[Any]]:
    """All rows of all tables; what Alembic notes of itself left out."""
    found: dict[str, list[Any]] = {}
    for table in inspect(connection).get_table_names():
        if table != "alembic_version":
            rows = connection.exec_driver_sql(f"SELECT * FROM {table}")
            found[table] = [tuple(rows.keys()), *sorted(map(tuple, rows), key=repr)]
    return found


def balanced(connection: Connection) -> Audit:
    assert missing_guards(connection) == []
    proof = audit(connection)
    assert [check for check in proof.checks if not check.holds] == []
    assert proof.full
    return proof


def keeps_every_sat(url: str, revision: str) -> None:
    make_old(url, revision)
    with connected(url) as connection:
        before = everything(connection)
    assert migrate.upgrade(url) == migrate.REVISION
    with connected(url) as connection:
        proof = balanced(connection)
        assert proof.assets == (16 + 6 * (revision >= "0003") - 2 * (revision >= "0004")) * 1_000
        assert proof.owed + 300 == proof.assets
        row = connection.exec_driver_sql(f"SELECT posted, held FROM accounts WHERE id = {KEY}")
        assert tuple(row.one()) == (11_700, 500)
        after = everything(connection)
    migrate.downgrade(url, revision)
    with connected(url) as connection:
        assert everything(connection) == before
    migrate.upgrade(url)
    with connected(url) as connection:
        balanced(connection)
        assert everything(connection) == after


def test_every_migration_says_what_its_node_wrote() -> None:
    scripts = ScriptDirectory.from_config(migrate._config())
    assert sorted(script.revision for script in scripts.walk_revisions()) == list(WRITTEN)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("revision", REVISIONS)
def test_an_upgrade_and_the_way_back_keep_every_sat(database_url: str, revision: str) -> None:
    keeps_every_sat(database_url, revision)


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
@pytest.mark.parametrize("revision", WRITTEN)
def test_so_it_is_on_postgresql(database_url: str, revision: str) -> None:
    keeps_every_sat(database_url, revision)
