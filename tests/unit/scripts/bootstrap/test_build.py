import io
import os
from dataclasses import replace
from pathlib import Path

import pytest

from scripts.bootstrap import build
from scripts.bootstrap.build import SetupFailed, Tools, pinned_uv
from scripts.bootstrap.environments import UV_REQUIREMENTS
from scripts.bootstrap.progress import Progress
from scripts.places import ROOT
from scripts.processes import Interrupted, Interrupts


@pytest.fixture
def tools(tmp_path: Path) -> Tools:
    log = tmp_path / "setup.log"
    log.write_text("what an earlier step wrote: dns error\n")
    return Tools(Progress(live=False), Interrupts(), {"PATH": os.defpath}, log)


def run(tools: Tools, script: str, limit_s: float = 20.0) -> None:
    tools.run("a step", ["/bin/sh", "-c", script], tools.surroundings, limit_s)


def test_a_step_that_works_is_told_with_its_time(tools: Tools) -> None:
    out = io.StringIO()

    run(replace(tools, progress=Progress(out)), "true")

    assert out.getvalue().startswith("  a step ...\n  a step: 0.")


def test_a_step_that_fails_shows_its_last_lines_and_the_advice_for_them(tools: Tools) -> None:
    with pytest.raises(SetupFailed) as raised:
        run(tools, "echo cause: No space left on device; exit 3")

    message = str(raised.value)
    assert "a step failed (3)." in message
    assert "| cause: No space left on device" in message
    assert "Remedy: Free some disk space" in message


def test_a_step_that_hangs_is_ended(tools: Tools) -> None:
    with pytest.raises(SetupFailed, match="took longer than 0 s"):
        run(tools, "echo on and on; sleep 60", limit_s=0.2)


def test_after_an_interrupt_no_step_is_begun(tools: Tools) -> None:
    tools.interrupts.received = 2

    with pytest.raises(Interrupted):
        run(tools, "echo begun")

    assert "begun" not in tools.log.read_text()


def test_uv_is_pinned_to_one_version() -> None:
    assert pinned_uv(UV_REQUIREMENTS).replace(".", "").isdigit()


def test_the_project_is_importable_and_its_command_runs_in_a_path_with_spaces(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "an environment"
    packages = folder / "lib" / "python3.11" / "site-packages"
    packages.mkdir(parents=True)
    (folder / "bin").mkdir()
    (folder / "bin" / "python").write_text('#!/bin/sh\necho "python runs $1 with $2"\n')
    (folder / "bin" / "python").chmod(0o755)

    build.install_project(folder)

    command = folder / "bin" / "routstr"
    assert (packages / "routstr.pth").read_text() == f"{ROOT}\n"
    with os.popen(f'"{command}" verify') as output:
        assert output.read() == f"python runs {command} with verify\n"
