"""The database file and the disk under it; what is planted in it, see the examination."""

from pathlib import Path

import pytest

from routstr.cli.doctor.checks import database
from routstr.cli.doctor.findings import Finding, State
from routstr.cli.doctor.patient import Ports, free_bytes
from routstr.core.settings import Settings


def look(url: str, free: int = 1 << 40) -> list[Finding]:
    settings = Settings.model_validate({"database_url": url})
    return database.check(settings, Ports(free_bytes=lambda _: free))


@pytest.mark.parametrize(
    ("free", "state"),
    [(1 << 40, State.WELL), (500 * 1024**2, State.WARNING), (50 * 1024**2, State.FAULT)],
)
def test_a_full_disk_is_noticed_before_there_is_a_database(
    tmp_path: Path, free: int, state: State
) -> None:
    url = f"sqlite:///{tmp_path}/not/yet/node.db"
    disk, file = look(url, free)
    assert (disk.state, file.state) == (state, State.WARNING)
    assert not database.usable([disk, file], Settings.model_validate({"database_url": url}))


def test_what_is_no_database_cannot_be_read(tmp_path: Path) -> None:
    file = tmp_path / "node.db"
    file.write_bytes(b"no database, and long enough to be read as one" * 99)
    file.chmod(0o600)
    faults = [one for one in look(f"sqlite:///{file}") if one.state is State.FAULT]
    assert ["not a database" in one.cause for one in faults] == [True]


def test_an_old_schema_is_migrated_by_the_node(tmp_path: Path) -> None:
    file = tmp_path / "node.db"
    file.touch(0o600)
    (last,) = look(f"sqlite:///{file}")[1:]
    assert (last.state, "routstr migrate" in last.remedy) == (State.WARNING, True)


def test_a_server_that_is_away_is_a_fault() -> None:
    (found,) = look("postgresql://nobody@127.0.0.1:9/none")
    assert (found.state, "DATABASE_URL" in found.remedy) == (State.FAULT, True)


def test_the_disk_is_really_asked(tmp_path: Path) -> None:
    assert free_bytes(tmp_path) > 0
