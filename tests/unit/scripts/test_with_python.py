"""``with-python.sh``: which interpreter is taken, and what is said when there is none."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

SCRIPT: Final = Path(__file__).parents[3] / "scripts" / "with-python.sh"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A folder, with a space in its name, that is the whole PATH."""
    folder = tmp_path / "my programs"
    folder.mkdir()
    for name in ("dirname", "id"):
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(found)
    return folder


def interpreter(path: Path, name: str, *, status: int = 0, says: str = "") -> Path:
    """A program that plays an interpreter: it answers the probe, and tells how it is run."""
    program = path / name
    answer = says or str(program)
    program.write_text(
        f'#!/bin/sh\ncase "$*" in *"import sys"*) echo "{answer}"; exit {status};; esac\n'
        f'echo "{name} runs: $*"\n'
    )
    program.chmod(0o755)
    return program


def run(path: Path, *arguments: str, **surroundings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", SCRIPT, *arguments],
        env={"PATH": str(path), **surroundings},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def test_the_first_python_that_fits_runs_the_arguments_isolated(path: Path) -> None:
    interpreter(path, "python3")

    assert run(path, "-m", "a module").stdout == "python3 runs: -E -s -m a module\n"


def test_a_python_of_another_version_is_passed_over(path: Path) -> None:
    interpreter(path, "python3", status=3, says="python3 is Python 3.8.18")
    interpreter(path, "python3.12")

    assert run(path, "-V").stdout == "python3.12 runs: -E -s -V\n"


def test_a_later_folder_is_tried_before_a_versioned_name(path: Path, tmp_path: Path) -> None:
    interpreter(path, "python3", status=127)
    interpreter(path, "python3.13")
    other = tmp_path / "other"
    other.mkdir()
    interpreter(other, "python3")

    found = run(path, "-V", PATH=f"{path}:{other}")

    assert found.stdout == "python3 runs: -E -s -V\n"


def test_the_interpreter_under_an_active_environment_is_run(path: Path, tmp_path: Path) -> None:
    base = interpreter(tmp_path, "base")
    interpreter(path, "python3", says=str(base))

    assert run(path, "-V").stdout == "base runs: -E -s -V\n"


def test_what_was_refused_is_told_with_the_line_that_helps(path: Path) -> None:
    interpreter(path, "python3", status=3, says="/old/python3 is Python 3.8.18")
    interpreter(path, "apt-get")

    refusal = run(path, "-V")

    assert refusal.returncode == 1
    assert "No CPython 3.11, 3.12 or 3.13 in PATH." in refusal.stderr
    assert "/old/python3 is Python 3.8.18" in refusal.stderr
    assert "apt-get install python3 python3-venv" in refusal.stderr
    assert refusal.stdout == ""


def test_a_missing_venv_module_is_named_with_its_package(path: Path) -> None:
    interpreter(path, "python3", status=4, says="3.11")

    refusal = run(path, "-V")

    assert refusal.returncode == 1
    assert "apt-get install python3.11-venv" in refusal.stderr


def test_only_a_chosen_interpreter_is_tried(path: Path) -> None:
    interpreter(path, "python3")

    refusal = run(path, "-V", ROUTSTR_PYTHON="python9")

    assert refusal.returncode == 1
    assert "PYTHON=python9" in refusal.stderr


def test_a_real_interpreter_passes_the_probe_in_hostile_surroundings(path: Path) -> None:
    hostile = {"PYTHONHOME": "/nonexistent", "PYTHONPATH": "/nonexistent", "LANG": "C"}
    real = os.path.realpath(sys.executable)

    told = run(path, "-c", "print('runs')", ROUTSTR_PYTHON=real, **hostile)

    assert told.stdout == "runs\n"
