from typing import Any

import pytest
from sqlalchemy.dialects import postgresql, sqlite

from routstr.core.db.backend import Dialect, Tx
from routstr.core.db.node_values import NodeValue
from routstr.core.db.upsert import insert_into


@pytest.mark.parametrize(
    ("dialect", "spoken"),
    [(Dialect.SQLITE, sqlite.dialect()), (Dialect.POSTGRESQL, postgresql.dialect())],  # type: ignore[no-untyped-call]
)
def test_each_database_is_told_in_its_own_words(dialect: Dialect, spoken: Any) -> None:
    nobody: Any = None
    tx = Tx(nobody, nobody, dialect)
    new = insert_into(tx, NodeValue).values(name="a", value=b"b")

    told = str(new.on_conflict_do_nothing(index_elements=["name"]).compile(dialect=spoken))

    assert told.startswith("INSERT INTO node_values")
    assert told.endswith("ON CONFLICT (name) DO NOTHING")
