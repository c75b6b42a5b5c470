"""Why no backup is made; what one holds, see restoring."""

from pathlib import Path

import pytest

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
