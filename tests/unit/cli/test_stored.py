"""Commands know what is stored, and do without a database."""

from routstr.cli.stored import with_stored
from tests.unit.cli.stage import Stage


def test_without_a_database_or_a_table_the_environment_alone_counts(stage: Stage) -> None:
    given = stage.settings
    assert with_stored(given) is given
    assert not (stage.folder / "node.db").exists()
    stage.sql("CREATE TABLE something (id INTEGER)")
    assert with_stored(given) is given


def test_what_is_stored_counts_unless_the_environment_says_otherwise(database: Stage) -> None:
    for name, value in (("name", '"Mine"'), ("cashu_mints", "[]"), ("exchange_fee", '"-1"')):
        database.sql(f"INSERT INTO options VALUES ('{name}', '{value}', 1)")
    found = with_stored(database.settings)
    assert found.name == "Mine"
    assert found.cashu_mints == database.settings.cashu_mints
    assert found.exchange_fee == database.settings.exchange_fee
