"""``routstr nostr`` where no relay has to be asked."""

import json

import pytest

from tests.unit.cli.stage import Said, Stage


def say(stage: Stage, *words: str) -> Said:
    return stage.run(*words, group="nostr")


def test_a_node_without_a_key_is_told_how_to_get_one(database: Stage) -> None:
    for words in ((), ("withdraw",)):
        said = say(database, *words)
        assert "has no key on Nostr: set NSEC" in said.line


def test_a_node_that_nobody_reaches_is_not_announced(
    database: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NSEC", "11" * 32)
    said = say(database, "publish", "--json")
    assert (said.status, json.loads(said.output)["stand"]) == (1, "no_address")
    shown = say(database)
    assert shown.status == 0
    assert "no address" in shown.line
    assert "set HTTP_URL or ONION_URL" in shown.line
    assert "wss://nos.lol" in shown.line


def test_the_flag_belongs_behind_the_command(database: Stage) -> None:
    assert say(database, "--json", "withdraw").status == 2
    assert json.loads(say(database, "--json").output)["stand"] == "no_key"
