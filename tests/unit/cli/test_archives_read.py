"""Files are proven and searched without a node."""

import json
from pathlib import Path

import pytest
import typer

from routstr.cli import archives_read
from tests.unit.payment.archive.sample import BODY, KEY, file_of, signed


def test_what_is_proven_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = file_of(tmp_path, signed(BODY))
    archives_read.check([file], None, json=True)
    [told] = json.loads(capsys.readouterr().out)
    assert (told["number"], told["removed"], told["whole"]) == (1, 1, True)
    assert told["pubkey"] == KEY.pubkey
    archives_read.check([file], KEY.pubkey, json=False)
    assert "Signed by" not in capsys.readouterr().out
    archives_read.check([file], None, json=False)
    assert f"Signed by {KEY.pubkey}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("pubkey", "status", "why"), [("00" * 32, 1, "signed by"), ("nobody", 2, "--pubkey")]
)
def test_somebody_elses_file_is_not_proven(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], pubkey: str, status: int, why: str
) -> None:
    file = file_of(tmp_path, signed(BODY))
    with pytest.raises(typer.Exit) as ended:
        archives_read.check([file], pubkey, json=False)
    assert ended.value.exit_code == status
    assert why in capsys.readouterr().err


def test_a_file_that_is_not_there_or_no_archive_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text").write_text("text")
    for name in ("text", "none"):
        with pytest.raises(typer.Exit):
            archives_read.check([tmp_path / name], None, json=False)
        with pytest.raises(typer.Exit):
            archives_read.find(tmp_path / name, "r", json=False)
        assert capsys.readouterr().err.count("is not proven") == 2


def test_a_request_is_found_with_all_its_charges(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = file_of(tmp_path, signed(BODY))
    archives_read.find(file, "r", json=True)
    paid, free = json.loads(capsys.readouterr().out)["charges"]
    assert (paid["transfer"], paid["charged_msats"], paid["at_ms"]) == (2, 40, 200)
    assert (free["transfer"], free["charged_msats"]) == (None, 0)
    with pytest.raises(typer.Exit):
        archives_read.find(file, "other", json=False)
