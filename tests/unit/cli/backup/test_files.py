"""A file is there as a whole, or not at all."""

from pathlib import Path

import pytest

from routstr.cli.backup.files import appearing


def test_it_appears_at_the_end_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with appearing(path) as out:
        out.write(b"all of it")
        assert not path.exists()
    assert path.read_bytes() == b"all of it"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    def write_half() -> None:
        with appearing(tmp_path / "file") as out:
            out.write(b"half")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        write_half()
    assert not list(tmp_path.iterdir())


def test_what_came_in_between_stays(tmp_path: Path) -> None:
    path = tmp_path / "file"

    def write_beside_others() -> None:
        with appearing(path) as out:
            out.write(b"ours")
            path.write_bytes(b"theirs")

    with pytest.raises(FileExistsError):
        write_beside_others()
    assert path.read_bytes() == b"theirs"
    assert list(tmp_path.iterdir()) == [path]
