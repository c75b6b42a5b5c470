"""Bringing a wallet back, as far as that needs no mint."""

from pathlib import Path

import pytest
from rich.console import Console

from routstr.cli.wallet_restore import Outcome, report, show
from routstr.money import Unit
from routstr.wallet.backup import Backup, encrypt
from routstr.wallet.holdings import Holding
from routstr.wallet.restore import Progress
from tests.unit.cli.stage import NEXT_BOOT, Stage

WORDS = "legal winner thank year wave sausage worth useful legal winner thank yellow"
OTHER = "abandon " * 11 + "about"
MINT = "https://mint.example"


def test_it_must_be_said_where_from(stage: Stage) -> None:
    for arguments in ((), ("--seed", "--backup", "file")):
        done = stage.run("restore", *arguments)
        assert (done.status, done.output) == (2, "")
        assert "--seed, or --backup" in done.error


def test_without_a_mint_there_is_nobody_to_ask(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CASHU_MINTS")
    done = stage.run("restore", "--seed", stdin=WORDS)
    assert done.status == 2
    assert "CASHU_MINTS" in done.error


@pytest.mark.parametrize("words", ["", "zoo " * 12, WORDS.replace("legal", "1egal")])
def test_wrong_words_are_refused_not_repeated_and_make_nothing(stage: Stage, words: str) -> None:
    done = stage.run("restore", "--seed", stdin=words)
    assert (done.status, done.output) == (1, "")
    assert "not the words of a wallet" in done.error
    assert "zoo" not in done.error
    assert "winner" not in done.error
    assert not (stage.folder / "node.db").exists()


def test_a_database_in_use_is_refused(database: Stage) -> None:
    database.saga()
    done = database.run("restore", "--seed", stdin=WORDS)
    assert (done.status, done.output) == (1, "")
    assert "in use already" in done.error
    assert "DATABASE_URL" in done.error


def test_a_running_node_is_not_disturbed(database: Stage) -> None:
    database.instance(NEXT_BOOT)
    done = database.run("restore", "--seed", stdin=WORDS)
    assert done.status == 1
    assert "stop it first" in done.error


def test_a_file_that_is_no_backup_is_refused(stage: Stage, tmp_path: Path) -> None:
    file, phrase = tmp_path / "backup", tmp_path / "phrase"
    phrase.write_text("correct horse battery\n")
    file.write_text("cashuB")
    done = stage.run("restore", "--backup", str(file), "--passphrase-file", str(phrase))
    assert done.status == 1
    assert "is no backup" in done.error
    file.write_bytes(encrypt(Backup(WORDS, 1, [], []), "another one", cost=1 << 8))
    done = stage.run("restore", "--backup", str(file), "--passphrase-file", str(phrase))
    assert done.status == 1
    assert "passphrase is another one" in done.error
    assert not (stage.folder / "node.db").exists()


def test_without_a_terminal_the_passphrase_comes_from_a_file(stage: Stage, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    file.write_bytes(encrypt(Backup(WORDS, 1, [], []), "another one", cost=1 << 8))
    done = stage.run("restore", "--backup", str(file))
    assert done.status == 2
    assert "--passphrase-file" in done.error


OUTCOME = Outcome(
    [
        Progress(mint=MINT, unit=Unit.SAT, keyset="00aa", amount=21, proofs=3, done=True),
        Progress(mint=MINT, unit=Unit.SAT, keyset="00bb", pending=4, problem="no [b]answer"),
        Progress(mint="https://gone.example", problem="It is away."),
    ],
    [Holding(MINT, Unit.SAT, 1_021, 0, 0)],
)


def test_a_table_tells_by_mint_and_unit_and_what_was_left_out() -> None:
    console = Console(record=True, width=100)
    show(OUTCOME, console)
    text = " ".join(console.export_text().split())
    assert "https://mint.example sat 21 3 1,021" in text
    assert "https://mint.example sat 00bb: not finished: no [b]answer" in text
    assert "4 sat are being spent at the mint right now" in text
    assert "https://gone.example: not finished: It is away." in text
    assert "Run it again" in text


def test_it_is_complete_when_every_keyset_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert not report(OUTCOME, json=True)
    assert '"complete":false' in capsys.readouterr().out
    assert report(Outcome(OUTCOME.keysets[:1], OUTCOME.holdings), json=True)
    assert not Outcome([], []).complete
