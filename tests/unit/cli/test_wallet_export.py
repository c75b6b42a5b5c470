"""The wallet written into an encrypted file."""

from pathlib import Path

import pytest

from routstr.assembly.storage import open_database
from routstr.core.node_key import NodeKey
from routstr.wallet.backup import decrypt
from routstr.wallet.secrets import seed_from_words
from routstr.wallet.seed import load_seed
from tests.unit.cli.stage import KEY, Stage, run

PHRASE = "correct horse battery"


@pytest.fixture
def phrase(tmp_path: Path) -> str:
    file = tmp_path / "phrase"
    file.write_text(f"{PHRASE}\n")
    return str(file)


def seed(database: Stage) -> bytes:
    async def make() -> bytes:
        key = NodeKey(KEY)
        async with open_database(database.settings, key) as db:
            return await load_seed(db, key)

    return run(make())


def test_words_and_counters_are_in_the_file_for_who_has_the_passphrase(
    database: Stage, phrase: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("routstr.cli.wallet_export.COST", 1 << 8)
    secret = seed(database)
    done = database.run("export", "wallet.backup", "--passphrase-file", phrase)
    assert done.status == 0, done.error
    assert "0 counters and 0 proofs" in done.output
    file = database.folder / "wallet.backup"
    assert file.stat().st_mode & 0o777 == 0o600
    backup = decrypt(file.read_bytes(), PHRASE)
    assert seed_from_words(backup.words) == secret


def test_a_file_that_is_there_stays(database: Stage, phrase: str) -> None:
    (database.folder / "mine").write_text("precious")
    done = database.run("export", "mine", "--passphrase-file", phrase)
    assert (done.status, (database.folder / "mine").read_text()) == (1, "precious")
    assert "exists" in done.error


def test_a_short_passphrase_is_refused(database: Stage, tmp_path: Path) -> None:
    short = tmp_path / "short"
    short.write_text("secret")
    done = database.run("export", "wallet.backup", "--passphrase-file", str(short))
    assert done.status == 2
    assert "at least 12 characters" in done.error
    assert not (database.folder / "wallet.backup").exists()


def test_without_a_wallet_there_is_nothing_to_export(database: Stage, phrase: str) -> None:
    done = database.run("export", "wallet.backup", "--passphrase-file", phrase)
    assert done.status == 1
    assert "there is no wallet yet" in done.error
    assert not (database.folder / "wallet.backup").exists()
