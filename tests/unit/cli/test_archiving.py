"""What cannot be archived is told in one line; the rest is proven on real nodes."""

import asyncio
from pathlib import Path

import pytest
import typer

from routstr.assembly.storage import open_database
from routstr.cli import archiving
from routstr.core.node_key import load_node_key
from routstr.core.settings import Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/node.db")
    monkeypatch.setenv("ROUTSTR_SECRET_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.setenv("LOG_DIR", str(tmp_path / "logs"))
    return load_settings()


def new_node(settings: Settings) -> None:
    async def made() -> None:
        async with open_database(settings, load_node_key(settings)):
            pass

    asyncio.run(made())


def test_a_node_without_a_past_has_nothing_to_archive(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new_node(settings)
    with pytest.raises(typer.Exit):
        archiving.make(settings, tmp_path / "file", 90, json=False)
    assert "nothing is old enough" in capsys.readouterr().err
    with pytest.raises(typer.Exit):
        archiving.resume(settings, tmp_path / "file", json=False)
    assert "no archive is unfinished" in capsys.readouterr().err
    archiving.list_all(settings, json=False)
    archiving.list_all(settings, json=True)
    assert capsys.readouterr().out == "There is no archive.\n[]\n"
    assert not (tmp_path / "file").exists()


def test_no_key_is_made_for_it(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit):
        archiving.make(settings, tmp_path / "file", 90, json=False)
    assert "secret key file" in capsys.readouterr().err
    assert not (tmp_path / "key").exists()
