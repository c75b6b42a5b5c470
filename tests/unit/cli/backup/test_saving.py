"""Why no backup is made; what one holds, see restoring."""

from pathlib import Path

import pytest

from routstr.cli.backup import postgres_copy, saving
from tests.unit.cli.stage import Said, Stage

PASSPHRASE = "correct horse battery"


def say(stage: Stage, *words: str) -> Said:
    (stage.folder / "phrase").write_text(PASSPHRASE)
    return stage.run(*words, "--passphrase-file", str(stage.folder / "phrase"), group="backup")


def test_without_a_database_there_is_nothing_to_keep(stage: Stage) -> None:
    said = say(stage, "kept")
    assert (said.status, "cannot be read" in said.error) == (1, True)
    assert not Path("kept").exists()


def test_without_its_key_a_database_is_not_kept(
    database: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ROUTSTR_SECRET_KEY")
    said = say(database, "kept")
    assert (said.status, "secret key file" in said.error) == (1, True)
    assert not Path("kept").exists()


def test_a_folder_that_is_not_there_is_said(database: Stage) -> None:
    said = say(database, "nowhere/kept")
    assert (said.status, "No backup was made" in said.error) == (1, True)


@pytest.mark.parametrize("fault", postgres_copy.FAULTS)
def test_a_database_that_goes_away_meanwhile_is_told_in_one_line(
    database: Stage, monkeypatch: pytest.MonkeyPatch, fault: type[Exception]
) -> None:
    def gone(*_: object) -> None:
        raise fault("it is gone")

    monkeypatch.setattr(saving, "save", gone)
    said = say(database, "kept")
    assert (said.status, said.error.strip()) == (1, "No backup was made: it is gone.")
    assert not Path("kept").exists()
