"""Commands open what a node opens, and close it."""

from pathlib import Path

import pytest
import typer

from routstr.cli.opening import existing_key, opened_database, opened_wallet
from routstr.core.node_key import NodeKey
from routstr.ledger import instances
from tests.unit.cli.stage import KEY, Stage, run


def test_a_missing_key_is_told_and_not_made(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("ROUTSTR_SECRET_KEY")
    with pytest.raises(typer.Exit):
        existing_key(stage.settings)
    assert "is not there" in capsys.readouterr().err
    assert not (stage.folder / "routstr_secret.key").exists()


def test_a_wallet_is_an_instance_while_it_is_open(stage: Stage) -> None:
    async def look() -> tuple[int, int]:
        settings, key = stage.settings, NodeKey(KEY)
        async with opened_database(settings, key) as db:
            async with opened_wallet(settings, db, key) as wallet:
                assert wallet.mints.urls == settings.cashu_mints
                during = len(await db.read(lambda c: instances.alive(c, 60)))
            return during, len(await db.read(lambda c: instances.alive(c, 60)))

    assert run(look()) == (1, 0)


def test_what_happens_stands_in_the_log_and_not_on_the_terminal(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    async def look() -> None:
        async with opened_database(stage.settings, NodeKey(KEY)):
            pass

    run(look())
    assert capsys.readouterr().out == ""
    assert "database_ready" in "".join(file.read_text() for file in Path("logs").glob("*"))
