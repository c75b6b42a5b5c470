"""Passphrases come from a file or a terminal."""

from pathlib import Path

import pytest
import typer

from routstr.cli.passphrase import CHARS_MIN, ask_for_passphrase


def test_a_file_holds_it_with_or_without_an_end_of_line(tmp_path: Path) -> None:
    file = tmp_path / "phrase"
    for ending in ("", "\n", "\r\n"):
        file.write_text(f" correct horse battery{ending}", newline="")
        assert ask_for_passphrase(file, new=True) == " correct horse battery"


def test_a_new_one_is_not_short_an_old_one_may_be(tmp_path: Path) -> None:
    file = tmp_path / "phrase"
    file.write_text("x" * (CHARS_MIN - 1))
    assert ask_for_passphrase(file, new=False) == "x" * (CHARS_MIN - 1)
    with pytest.raises(typer.Exit):
        ask_for_passphrase(file, new=True)


def test_a_file_that_cannot_be_read_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit):
        ask_for_passphrase(tmp_path / "missing", new=False)
    assert "cannot be read" in capsys.readouterr().err
