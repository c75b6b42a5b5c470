"""A node's files from one folder into another, and every reason why not."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from routstr.cli.backup import saving
from routstr.cli.backup.progress import bar
from routstr.cli.tree import cli
from routstr.core.db import migrate
from routstr.core.node_key import load_node_key
from routstr.core.settings import Settings, load_settings
from tests.unit.cli.stage import Said

PASSPHRASE = "correct horse battery"


@pytest.fixture
def old(node_files: Path, tmp_path: Path) -> Path:
    """A node's folder."""
    folder = tmp_path / "old"
    folder.mkdir()
    for name in ("node.db", "routstr_secret.key"):
        shutil.copy2(node_files / name, folder / name)
    (tmp_path / "phrase").write_text(f"{PASSPHRASE}\n")
    return folder


@pytest.fixture
def kept(old: Path, tmp_path: Path) -> Path:
    """A backup of it."""
    file = tmp_path / "kept"
    saving.run(settings_of(old), file, tmp_path / "phrase", json=False, cost=2)
    return file


@pytest.fixture
def new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty machine."""
    folder = tmp_path / "new"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{folder}/node.db")
    return folder


def settings_of(folder: Path) -> Settings:
    return load_settings({"DATABASE_URL": f"sqlite:///{folder}/node.db"}, None)


def say(*words: str) -> Said:
    done = CliRunner().invoke(cli, [*words], catch_exceptions=False)
    return Said(done.exit_code, done.stdout, done.stderr)


def restore(file: Path, *more: str) -> Said:
    return say("restore", str(file), "--passphrase-file", str(file.parent / "phrase"), *more)


def test_everything_comes_back_and_verify_holds(kept: Path, old: Path, new: Path) -> None:
    assert kept.stat().st_mode & 0o777 == 0o600
    said = restore(kept)
    assert said.status == 0, said.error
    assert "routstr verify" in said.output
    assert load_node_key(settings_of(new)).fingerprint() == (
        load_node_key(settings_of(old)).fingerprint()
    )
    assert sorted(path.name for path in new.iterdir() if "node.db-" not in path.name) == [
        "node.db",
        "routstr_secret.key",
    ]
    for path in new.iterdir():
        assert path.stat().st_mode & 0o777 == 0o600
    assert say("verify").status == 0


def test_no_proof_is_given_away_before_its_mint_was_asked(old: Path, new: Path) -> None:
    with closing(sqlite3.connect(old / "node.db")) as connection, connection:
        connection.executemany(
            "INSERT INTO keysets (mint, keyset_id, unit, active, input_fee_ppk, keys, counter)"
            " VALUES (?, ?, 'sat', 1, 0, '{}', 0)",
            [
                ("https://a.example", "00a"),
                ("https://a.example", "00b"),
                ("https://b.example", "00c"),
            ],
        )
        connection.execute(
            "INSERT INTO reconciliations (mint, position, asked_at, trusted)"
            " VALUES ('https://a.example', 7, 5, 1)"
        )
    file = old.parent / "kept"
    saving.run(settings_of(old), file, old.parent / "phrase", json=False, cost=2)
    assert restore(file).status == 0
    with closing(sqlite3.connect(new / "node.db")) as connection:
        found = connection.execute("SELECT mint, position, trusted FROM reconciliations").fetchall()
    assert sorted(found) == [("https://a.example", 7, 0), ("https://b.example", 0, 0)]


def test_a_backup_leaves_nothing_beside_the_database(old: Path, kept: Path) -> None:
    names = {path.name.removesuffix("-wal").removesuffix("-shm") for path in old.iterdir()}
    assert names - {"logs"} == {"node.db", "routstr_secret.key"}


def test_a_backup_of_an_older_version_is_migrated(new: Path, tmp_path: Path) -> None:
    old = tmp_path / "older"
    old.mkdir()
    settings = settings_of(old)
    key = load_node_key(settings)
    assert migrate.upgrade(settings.database_url.reveal(), "0015") == "0015"
    secrets = saving._Secrets(key, settings.routstr_secret_key_file.read_text(), PASSPHRASE, 2)
    (tmp_path / "phrase").write_text(PASSPHRASE)
    with (tmp_path / "kept").open("wb") as out, bar() as progress:
        assert saving.save(settings, out, secrets, progress).revision == "0015"
    told = json.loads(restore(tmp_path / "kept", "--json").output)
    assert (told["revision"], told["restored"]) == (migrate.REVISION, True)
    assert migrate.revision(f"sqlite:///{new}/node.db") == migrate.REVISION


def test_a_check_writes_nothing(kept: Path, new: Path) -> None:
    said = restore(kept, "--check")
    assert (said.status, new.exists()) == (0, False)
    assert "can be restored" in said.output


@pytest.mark.parametrize(
    "there", ["node.db", "node.db-wal", "node.db-journal", "routstr_secret.key"]
)
def test_nothing_is_overwritten(kept: Path, new: Path, there: str) -> None:
    new.mkdir()
    (new / there).write_text("ab" * 32)
    (new / there).chmod(0o600)
    said = restore(kept)
    assert said.status == 1
    assert "overwrites nothing" in said.error
    assert [path.name for path in new.iterdir()] == [there]
    assert (new / there).read_text() == "ab" * 32


def test_the_same_key_may_be_there(kept: Path, old: Path, new: Path) -> None:
    new.mkdir()
    shutil.copy2(old / "routstr_secret.key", new / "routstr_secret.key")
    assert restore(kept).status == 0


def test_another_key_in_the_environment_is_refused(
    kept: Path, new: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROUTSTR_SECRET_KEY", "cd" * 32)
    said = restore(kept)
    assert (said.status, new.exists()) == (1, False)
    assert "ROUTSTR_SECRET_KEY is another" in said.error


def test_a_cut_file_and_another_passphrase_restore_nothing(
    kept: Path, new: Path, tmp_path: Path
) -> None:
    cut = tmp_path / "cut"
    cut.write_bytes(kept.read_bytes()[:-1])
    assert "cut" in restore(cut).error
    (tmp_path / "phrase").write_text("another passphrase")
    assert "passphrase is another one" in restore(kept).error
    assert not new.exists()


def test_a_backup_of_a_newer_version_or_another_database_is_refused(
    kept: Path, new: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = tmp_path / "newer"
    newer.write_bytes(kept.read_bytes().replace(migrate.REVISION.encode(), b"9999", 1))
    assert "9999" in restore(newer).error
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    said = restore(kept)
    assert (said.status, "is of sqlite" in said.error) == (2, True)


def test_a_backup_is_not_written_over_a_file(kept: Path, old: Path, tmp_path: Path) -> None:
    before = kept.read_bytes()
    with pytest.raises(Exception, match="1"):
        saving.run(settings_of(old), kept, tmp_path / "phrase", json=False, cost=2)
    assert kept.read_bytes() == before


def test_a_backup_holds_nothing_in_clear(kept: Path, old: Path) -> None:
    data = kept.read_bytes()
    assert (old / "routstr_secret.key").read_text().strip().encode() not in data
    assert b"CREATE TABLE" not in data
    with closing(sqlite3.connect(old / "node.db")) as connection:
        (sealed,) = connection.execute(
            "SELECT value FROM node_values WHERE name = 'wallet_seed'"
        ).fetchone()
    assert sealed not in data
