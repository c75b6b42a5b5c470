from typing import Any

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, create_mock_engine

from routstr.core.db.partial_index import partial_index


@pytest.mark.parametrize("url", ["sqlite://", "postgresql+psycopg://"])
def test_both_databases_are_told_which_rows_are_left_out(url: str) -> None:
    told: list[str] = []

    def hear(statement: Any, *_: object, **__: object) -> None:
        told.append(str(statement.compile(dialect=engine.dialect)))

    engine = create_mock_engine(url, hear)
    index = partial_index("ix_open", "id", where="state = 0")
    Table("things", tables := MetaData(), Column("id", Integer), Column("state", Integer), index)

    tables.create_all(engine, checkfirst=False)

    assert told[-1] == "CREATE INDEX ix_open ON things (id) WHERE state = 0"
