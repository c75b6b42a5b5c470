"""The wallet's commands as a shell sees them."""

import json

from tests.unit.cli.stage import Stage


def test_without_a_command_it_shows_the_balance(database: Stage) -> None:
    assert database.run() == database.run("balance")
    assert database.run("--json") == database.run("balance", "--json")
    assert json.loads(database.run("--json").output)["held_msat"] == 0


def test_json_before_a_command_is_wrong_usage(database: Stage) -> None:
    done = database.run("--json", "sagas")
    assert (done.status, done.error) == (2, "--json belongs behind sagas.\n")


def test_wrong_arguments_are_wrong_usage(database: Stage) -> None:
    assert database.run("resolve", "all").status == 2
    assert database.run("sagas", "--limit", "0").status == 2
    assert database.run("spend").status == 2


def test_every_command_fails_without_a_database(stage: Stage) -> None:
    for command in ((), ("balance",), ("sagas",), ("resolve",), ("resolve", "1")):
        done = stage.run(*command)
        assert (done.status, done.output) == (1, "")
        assert "there is no database" in done.error
