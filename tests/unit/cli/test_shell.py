"""Exit codes and last words."""

import pytest
import typer

from routstr.cli.shell import EXIT_FAILED, EXIT_USAGE, fail, settings_or_exit


def test_last_words_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended:
        fail("It is broken.")
    assert ended.value.exit_code == EXIT_FAILED == 1
    assert capsys.readouterr() == ("", "It is broken.\n")


def test_a_wrong_setting_is_wrong_usage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PORT", "many")
    with pytest.raises(typer.Exit) as ended:
        settings_or_exit()
    assert ended.value.exit_code == EXIT_USAGE == 2
    assert "PORT: got 'many'" in capsys.readouterr().err
