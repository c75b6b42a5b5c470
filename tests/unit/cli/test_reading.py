"""Looking into a database that is there, that is not, and that is another's."""

import pytest
import typer
from sqlalchemy import text

from routstr.cli.reading import read_database
from routstr.errors import DatabaseUnavailable
from tests.unit.cli.stage import Stage


def test_a_database_is_looked_at_and_not_changed(database: Stage) -> None:
    file = database.folder / "node.db"
    before = file.read_bytes()
    count = text("SELECT count(*) FROM sagas")
    assert read_database(database.settings, lambda c: c.execute(count).scalar_one()) == 0
    assert file.read_bytes() == before


def test_a_missing_database_is_told_and_not_made(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as ended:
        read_database(stage.settings, lambda _: pytest.fail("there is nothing to look at"))
    assert ended.value.exit_code == 1
    file = stage.folder / "node.db"
    told = f"The database cannot be read: there is no database at {file}.\n"
    assert capsys.readouterr().err == told
    assert not file.exists()


def test_a_database_without_a_schema_names_the_remedy(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    (stage.folder / "node.db").touch()
    with pytest.raises(typer.Exit):
        read_database(stage.settings, lambda _: pytest.fail("there is nothing to look at"))
    assert "run routstr migrate" in capsys.readouterr().err


def test_a_lost_database_is_told_in_one_line(
    database: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    def lose(_: object) -> None:
        raise DatabaseUnavailable

    with pytest.raises(typer.Exit):
        read_database(database.settings, lose)
    assert capsys.readouterr().err.count("\n") == 1
