"""The secret key, before there is a database to compare it with."""

from pathlib import Path

from routstr.cli.doctor.checks import secret_key
from routstr.cli.doctor.findings import State
from routstr.core.settings import Settings


def settings_of(folder: Path, **more: str) -> Settings:
    return Settings.model_validate({"database_url": f"sqlite:///{folder}/node.db", **more})


def test_a_key_of_the_environment_is_used(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, routstr_secret_key="ab" * 32)
    finding, key = secret_key.check(settings, with_database=False)
    assert (finding.state, key is not None) == (State.WELL, True)


def test_none_yet_is_made_by_the_node_and_not_by_the_doctor(tmp_path: Path) -> None:
    finding, key = secret_key.check(settings_of(tmp_path), with_database=False)
    assert (finding.state, key) == (State.WARNING, None)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_key_cannot_be_used(tmp_path: Path) -> None:
    file = tmp_path / "routstr_secret.key"
    file.write_text("no key")
    file.chmod(0o600)
    finding, key = secret_key.check(settings_of(tmp_path), with_database=False)
    assert (finding.state, key) == (State.FAULT, None)
    assert "64 hexadecimal digits" in finding.cause
