import os
from pathlib import Path

import pytest

from devkit.environment import ROOT, clean_environment, forget_surroundings, python_path

HOME = Path("/somewhere")


@pytest.mark.parametrize(
    "name",
    [
        "HTTP_PROXY",
        "https_proxy",
        "ALL_PROXY",
        "PYTHONPATH",
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
        "DATABASE_URL",
        "VIRTUAL_ENV",
        "MINT_PRIVATE_KEY",
        "LC_ALL",
    ],
)
def test_nothing_of_the_surroundings_reaches_a_child(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "ambient")
    assert name not in clean_environment(HOME)


def test_a_child_finds_programs_and_its_own_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/bin")
    monkeypatch.setenv("HOME", "/home/ambient")
    environment = clean_environment(HOME)
    assert environment["PATH"] == "/bin"
    assert environment["HOME"] == "/somewhere"


def test_what_is_given_on_purpose_wins() -> None:
    environment = clean_environment(HOME, {"HOME": "/elsewhere", **python_path()})
    assert environment["HOME"] == "/elsewhere"
    assert environment["PYTHONPATH"] == str(ROOT)


def test_a_measured_run_measures_its_children(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COVERAGE_PROCESS_START", "/some/config")
    assert clean_environment(HOME)["COVERAGE_PROCESS_START"] == "/some/config"


def test_the_root_is_the_project() -> None:
    assert (ROOT / "pyproject.toml").is_file()


def test_our_own_clients_use_no_proxy_and_no_ambient_account(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = ("HTTP_PROXY", "https_proxy", "OPENAI_API_KEY", "KEPT")
    for name in names:
        monkeypatch.setenv(name, "ambient")
    forget_surroundings()
    assert [os.getenv(name) for name in names] == [None, None, None, "ambient"]
