"""``routstr providers`` from its words to what is stored."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.stage import Said, Stage

KEY = "sk-planted-0123456789"


def say(stage: Stage, *words: str, stdin: str = "") -> Said:
    return stage.run(*words, stdin=stdin, group="providers")


def told(said: Said) -> Any:
    assert said.status == 0, said.error
    return json.loads(said.output)


def listed(stage: Stage) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = told(say(stage, "list", "--json"))
    return found


def test_a_provider_is_added_changed_switched_and_removed(database: Stage) -> None:
    made = told(
        say(database, "add", "openai", "--key-file", "-", "--json", stdin=f"{KEY}\nsk-second\n")
    )
    assert made == {
        "id": 1,
        "slug": "openai",
        "provider_type": "openai",
        "base_url": "https://api.openai.com/v1",
        "keys": 2,
        "provider_fee": "1.05",
        "priority": 0,
        "enabled": True,
        "provider_settings": {},
        "locked": False,
    }
    words = ("--fee", "1.2", "--priority", "7", "--slug", "main", "--set", "idle_seconds=20")
    changed = told(say(database, "edit", "openai", *words, "--set", "api_version=2025", "--json"))
    assert (changed["slug"], changed["provider_fee"], changed["priority"]) == ("main", "1.2", 7)
    assert changed["provider_settings"] == {"idle_seconds": 20.0, "api_version": "2025"}
    assert changed["keys"] == 2
    assert told(say(database, "disable", "main", "--json"))["enabled"] is False
    assert told(say(database, "enable", "1", "--json"))["enabled"] is True
    assert listed(database) == [changed]
    assert say(database, "remove", "main").output.startswith("Removed main (OpenAI)")
    assert listed(database) == []


def test_a_key_is_neither_shown_nor_stored_in_clear(database: Stage, tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"{KEY}\n")
    words = ("add", "generic", "--url", "https://llm.example/v1", "--key-file", str(file))
    said = [say(database, *words), say(database), say(database, "list", "--json")]
    assert all(KEY not in one.output + one.error for one in said)
    assert KEY.encode() not in (tmp_path / "node.db").read_bytes()
    assert "1 key." in said[0].output


def test_the_provider_of_the_settings_is_listed_and_its_name_is_taken(
    database: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UPSTREAM_BASE_URL", "https://api.example.com/v1")
    assert [(one["slug"], one["locked"]) for one in listed(database)] == [("example", True)]
    assert "settings" in say(database).output
    said = say(database, "add", "openai", "--slug", "example", "--no-key")
    assert (said.status, said.error) == (
        1,
        "Nothing was added: There is a provider 'example' already.\n",
    )


def test_without_any_provider_the_list_says_how_to_add_one(database: Stage) -> None:
    assert "routstr providers add" in say(database).output


@pytest.mark.parametrize(
    ("words", "status", "error"),
    [
        (("add", "nonsense", "--no-key"), 1, "no provider type 'nonsense'"),
        (("add", "generic", "--no-key"), 1, "needs a base address"),
        (("add", "generic", "--no-key", "--url", "http://10.0.0.1/v1"), 1, "public address"),
        (("add", "generic", "--no-key", "--url", "http://localhost:1"), 1, "public address"),
        (("add", "openai", "--no-key", "--fee", "0"), 1, "A fee is a factor"),
        (("add", "openai", "--no-key", "--fee", "much"), 2, "--fee is a number"),
        (("add", "openai", "--no-key", "--set", "nothing"), 2, "name=value"),
        (("add", "openai"), 2, "--key-file"),
        (("add", "openai", "--key-file", "/nowhere/at/all"), 1, "cannot be read"),
        (("edit", "nobody", "--priority", "1"), 1, "no provider 'nobody'"),
        (("edit", "nobody"), 2, "Say what is to change"),
        (("remove", "nobody"), 1, "no provider 'nobody'"),
        (("--json", "remove", "x"), 2, "--json belongs behind remove"),
    ],
)
def test_what_cannot_be_done_is_said(
    database: Stage, words: tuple[str, ...], status: int, error: str
) -> None:
    said = say(database, *words)
    assert said.status == status
    assert error in " ".join(said.error.split())


def test_a_command_makes_no_database(stage: Stage) -> None:
    said = say(stage, "add", "openai", "--no-key")
    assert said.status == 1
    assert not (stage.folder / "node.db").exists()
