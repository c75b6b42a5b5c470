"""The commands: every target explains itself, and nothing ambient reaches what they run."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
COMMANDS: Final = (
    "demo",
    "test",
    "setup",
    "dev",
    "lint",
    "fmt",
    "clean",
    "coverage",
    "help",
    "lock",
    "migrate",
    "mutants",
    "planted",
    "money-fuzz",
    "endpoint-matrix",
    "bench",
)
HOSTILE: Final = (
    *("VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP"),
    *(
        "PYTHONDONTWRITEBYTECODE",
        "PIP_USER",
        "PIP_TARGET",
        "PIP_PREFIX",
        "ROUTSTR_PYTHON",
        "PYTHON",
    ),
)
STUB: Final = """#!/bin/sh
echo "run: $*"
echo "chosen: ${ROUTSTR_PYTHON-none}"
echo "once: ${ONCE-none}"
env | sed 's/^/env: /'
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The Makefile in a folder with a space, with a stand-in for the set-up."""
    place = tmp_path / "a work tree"
    (place / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "Makefile", place)
    (place / "scripts" / "with-python.sh").write_text(STUB)
    return place


def make(folder: Path, *arguments: str, **surroundings: str) -> list[str]:
    program = shutil.which("make")
    assert program is not None
    done = subprocess.run(
        [program, *arguments],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", **surroundings},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return done.stdout.splitlines()


def targets() -> list[str]:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return re.findall(r"^([a-z][a-z-]*):", text, flags=re.MULTILINE)


def test_help_is_the_default_and_has_one_line_for_every_target(folder: Path) -> None:
    lines = make(folder)

    assert [line.split()[1] for line in lines] == targets()
    assert all(len(line.split()) > 2 for line in lines)
    assert set(COMMANDS) <= set(targets())


def test_every_target_is_declared_to_be_no_file() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")

    assert re.findall(r"^\.PHONY: (.+)$", text, flags=re.MULTILINE) == targets()


@pytest.mark.parametrize("target", ["demo", "test", "lint", "setup"])
def test_nothing_hostile_reaches_the_set_up(folder: Path, target: str) -> None:
    lines = make(folder, target, **dict.fromkeys(HOSTILE, "/nonexistent"))

    reached = {line.removeprefix("env: ").partition("=")[0] for line in lines}
    assert not reached & set(HOSTILE)
    assert "PATH" in reached


def test_the_interpreter_can_be_chosen_on_the_command_line_only(folder: Path) -> None:
    assert "chosen: /opt/my python" in make(folder, "setup", "PYTHON=/opt/my python")
    assert "chosen: none" in make(folder, "setup", PYTHON="python2")


@pytest.mark.parametrize(("said", "passed"), [((), ""), (("ONCE=1",), "1")])
def test_the_demo_is_told_to_end_after_one_round(
    folder: Path, said: tuple[str, ...], passed: str
) -> None:
    lines = make(folder, "demo", *said)

    assert "run: -m scripts.bootstrap demo mint-0.21 -- -m demo" in lines
    assert f"once: {passed}" in lines


def test_some_of_the_checks_can_be_chosen(folder: Path) -> None:
    assert (
        "run: -m scripts.bootstrap dev mint-0.21 mint-0.19 -- -m scripts.check unit types"
        in make(folder, "test", "ONLY=unit types")
    )


def test_some_of_the_planted_faults_can_be_chosen(folder: Path) -> None:
    lines = make(folder, "planted", "ONLY=counter claim")

    assert "run: -m scripts.bootstrap dev -- -m scripts.planted counter claim" in lines


def test_clean_leaves_what_belongs_to_the_node(folder: Path) -> None:
    for name in (".venv", ".tools", ".mypy_cache", "logs", "routstr"):
        (folder / name / "inside").mkdir(parents=True)
    for name in ("routstr.db", "routstr.key", ".env"):
        (folder / name).touch()

    make(folder, "clean")

    left = {path.name for path in folder.iterdir()}
    assert left == {"Makefile", "scripts", "logs", "routstr", "routstr.db", "routstr.key", ".env"}


def test_ci_runs_the_same_checks() -> None:
    assert (ROOT / ".ci" / "run").read_text(encoding="utf-8").endswith("exec make test\n")
