import os
import subprocess
from pathlib import Path

import pytest

from scripts.check.__main__ import PREFIX, main, remove_leftovers, surroundings


def test_an_unknown_check_is_answered_with_the_usage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    assert main(["nonsense"]) == 2
    assert "python -m scripts.check" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_tests_write_below_one_folder_and_see_nothing_of_the_surroundings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://somebody.example/books")

    found = surroundings(tmp_path)

    assert "DATABASE_URL" not in found
    assert Path(found["TMPDIR"]).is_dir()
    assert tmp_path in Path(found["TMPDIR"]).parents
    assert tmp_path in Path(found["COVERAGE_FILE"]).parents


def test_what_tests_write_can_be_reached_by_a_server_of_another_user(tmp_path: Path) -> None:
    assert Path(surroundings(tmp_path)["TMPDIR"]).stat().st_mode & 0o005 == 0o005


def test_what_a_killed_run_left_is_removed_and_a_running_one_is_left_alone(tmp_path: Path) -> None:
    ended = subprocess.Popen(["/bin/sh", "-c", ":"])
    ended.wait()
    mine, dead, other = (
        tmp_path / name
        for name in (
            f"{PREFIX}{os.getpid()}-abc",
            f"{PREFIX}{ended.pid}-abc",
            "something-else-1-abc",
        )
    )
    for folder in (mine, dead, other):
        (folder / "tmp").mkdir(parents=True)

    remove_leftovers(tmp_path)

    assert sorted(tmp_path.iterdir()) == sorted([mine, other])
