"""``routstr doctor`` as a shell sees it."""

import json

import pytest

from tests.unit.cli.stage import Said, Stage


@pytest.fixture
def quiet(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Settings with which nobody outside is asked."""
    monkeypatch.setenv("BTC_USD", "100000")
    monkeypatch.setenv("CASHU_MINTS", "")
    monkeypatch.setenv("PORT", "0")
    return stage


def say(stage: Stage, *words: str) -> Said:
    return stage.run(*words, group="doctor")


def test_faults_are_printed_with_cause_and_remedy_and_end_with_1(quiet: Stage) -> None:
    said = say(quiet)
    assert said.status == 1
    assert "FAULT  mints: no mint is listed" in said.output
    assert "because CASHU_MINTS is empty" in said.output
    assert "remedy: Set CASHU_MINTS" in said.output
    assert "2 faults" in said.output  # no provider either


def test_the_same_as_json(quiet: Stage) -> None:
    told = json.loads(say(quiet, "--json").output)
    faults = [one["check"] for one in told if one["state"] == "fault"]
    assert faults == ["mints", "providers"]
    assert all(one["cause"] and one["remedy"] for one in told if one["state"] == "fault")


def test_a_wrong_setting_is_a_fault_that_names_it(
    quiet: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT", "many")
    said = say(quiet)
    assert (said.status, "PORT does not fit" in said.output) == (1, True)


def test_a_package_that_is_not_there_is_a_fault(
    quiet: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLUGINS", "nothing-of-this-name")
    assert "take it out of PLUGINS" in say(quiet).output
