from dataclasses import replace
from pathlib import Path

import pytest

from scripts.bootstrap import stamp
from scripts.bootstrap.stamp import Stamp


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Looks like an environment whose Python tells version 3.11 and its own folder."""
    place = tmp_path / "an environment"
    (place / "lib/python3.11/site-packages/one-1.0.dist-info").mkdir(parents=True)
    python(place, f"3.11 {place}")
    return place


def python(place: Path, says: str, status: int = 0) -> None:
    program = place / "bin" / "python"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f'#!/bin/sh\necho "{says}"\nexit {status}\n')
    program.chmod(0o755)


def made(folder: Path) -> Stamp:
    return Stamp("dev", "digest", str(folder), "3.11", stamp.installed(folder))


def test_a_stamp_comes_back_as_it_was_written(folder: Path) -> None:
    made(folder).write()

    assert Stamp.read(folder) == made(folder)


def test_an_environment_is_intact_when_it_was_just_made(folder: Path) -> None:
    assert made(folder).packages == ("lib/python3.11/site-packages/one-1.0.dist-info",)
    assert made(folder).intact(folder)


def test_without_a_stamp_an_environment_is_unfinished(folder: Path) -> None:
    made(folder).write()
    stamp.remove(folder)
    stamp.remove(folder)  # twice does no harm

    assert Stamp.read(folder) is None


@pytest.mark.parametrize("text", ["", "no JSON", "[]", "{}", '{"requirements": "dev"}', "null"])
def test_a_damaged_stamp_is_none(folder: Path, text: str) -> None:
    (folder / "routstr-stamp.json").write_text(text)

    assert Stamp.read(folder) is None


def test_a_moved_environment_is_not_intact(folder: Path) -> None:
    found = replace(made(folder), folder="/elsewhere")

    assert not found.intact(folder)


def test_a_removed_package_is_noticed(folder: Path) -> None:
    found = made(folder)
    (folder / found.packages[0]).rmdir()

    assert not found.intact(folder)


@pytest.mark.parametrize(("says", "status"), [("3.12 {}", 0), ("3.11 /base", 0), ("3.11 {}", 1)])
def test_a_python_that_was_exchanged_under_it_is_noticed(
    folder: Path, says: str, status: int
) -> None:
    python(folder, says.format(folder), status)

    assert not made(folder).intact(folder)


def test_a_python_that_is_gone_is_noticed(folder: Path) -> None:
    (folder / "bin" / "python").unlink()

    assert not made(folder).intact(folder)


def test_the_digest_changes_with_any_of_the_files(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("a")
    two.write_text("b")
    before = stamp.digest([one, two])
    two.write_text("c")

    assert stamp.digest([one, two]) != before
    assert stamp.digest([one]) != stamp.digest([one, one])
