"""``routstr pay`` where no node and no mint is needed."""

import json
from pathlib import Path

import pytest

from tests.unit.cli.stage import Said, Stage


@pytest.fixture
def desk(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setenv("ROUTSTR_PURSE", str(stage.folder / "purse"))
    return stage


def say(stage: Stage, *words: str, stdin: str = "") -> Said:
    return stage.run(*words, stdin=stdin, group="pay")


def test_an_empty_purse_is_made_for_its_owner_only(desk: Stage) -> None:
    said = say(desk, "balance", "--json")
    assert json.loads(said.output) == {"balances": [], "open": []}
    folder = desk.folder / "purse"
    assert folder.stat().st_mode & 0o777 == 0o700
    for name in ("purse.db", "purse.key"):
        assert (folder / name).stat().st_mode & 0o777 == 0o600
    assert say(desk).status == 0
    assert json.loads(say(desk, "sent", "--json").output) == []
    assert not (desk.folder / "node.db").exists(), "it is no node's"


@pytest.mark.parametrize(
    ("words", "status", "error"),
    [
        (("receive", "nonsense"), 1, "Nothing was taken in"),
        (("receive", "-"), 1, "Nothing was taken in"),
        (("send", "5"), 1, "There are not 5 sat"),
        (("sent", "--take-back", "3"), 1, "3 is no token"),
        (("request", "http://node.example/v1/models"), 2, "without TLS"),
        (("request", "nowhere"), 2, "cannot be asked"),
        (("request", "http://127.0.0.1:9/v1/models"), 1, "Nothing was paid"),
        (("request", "http://127.0.0.1:9/v1", "--data", "@missing"), 1, "cannot be read"),
        (("--json", "send", "5"), 2, "--json belongs behind send"),
    ],
)
def test_what_cannot_be_done_is_said(
    desk: Stage, words: tuple[str, ...], status: int, error: str
) -> None:
    said = say(desk, *words, stdin="cashuBnonsense")
    assert (said.status, error in " ".join(said.error.split())) == (status, True), said


def test_a_purse_is_where_it_is_said_to_be(desk: Stage, tmp_path: Path) -> None:
    assert say(desk, "balance", "--purse", str(tmp_path / "other")).status == 0
    assert (tmp_path / "other" / "purse.db").exists()
    assert not (desk.folder / "purse").exists()
