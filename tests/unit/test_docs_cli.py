"""docs/cli.md tells of every command, as the commands themselves say it, and every one obeys."""

import pytest

from routstr.cli.tree import cli
from tests.unit import docs_cli
from tests.unit.cli.stage import Stage, set_up
from tests.unit.docs_cli import WITHOUT_JSON, Command, commands
from tests.unit.docs_markdown import ROOT

COMMANDS = list(commands())
GROUPS = ("admin", "keys", "models", "pay", "providers", "settings", "wallet")


@pytest.fixture
def stage(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return set_up(tmp_path, monkeypatch)  # type: ignore[arg-type]


def test_the_reference_is_what_the_commands_say() -> None:
    written = (ROOT / "docs" / docs_cli.PAGE).read_text(encoding="utf-8")
    assert written == docs_cli.whole(), "python -m tests.unit.docs_cli > docs/cli.md"


def test_the_list_of_commands_is_whole() -> None:
    paths = {command.path for command in COMMANDS}
    assert paths >= {
        *("serve", "demo", "doctor", "verify", "migrate", "chat", "backup", "restore", "import"),
        *("admin reset-password", "keys list", "models list", "providers list", "pay request"),
    }
    assert {path.split()[0] for path in paths if " " in path} >= set(GROUPS)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.path)
def test_every_command_says_what_it_does_and_what_its_words_mean(command: Command) -> None:
    assert command.told.help, command.path
    assert all(one.help for one in command.told.params), command.path
    assert ("--json" in command.options) is (command.path not in WITHOUT_JSON), command.path


@pytest.mark.parametrize(
    "command", [one for one in COMMANDS if one.path != "serve"], ids=lambda one: one.path
)
def test_wrong_words_are_wrong_usage(command: Command, stage: Stage) -> None:
    words = command.path.split()
    said = stage.run(*words[1:], "--nothing-of-this-name", group=words[0])
    assert said.status == 2


def test_a_shell_can_complete(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_ROUTSTR_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "routstr mod")
    monkeypatch.setenv("COMP_CWORD", "1")
    from typer.testing import CliRunner  # noqa: PLC0415

    done = CliRunner().invoke(cli, [], prog_name="routstr")
    assert done.output.split() == ["models"]
