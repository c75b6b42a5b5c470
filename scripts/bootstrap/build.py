"""Builds one environment: an empty one, uv into it, then exactly the locked wheels."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scripts.bootstrap import index, stamp
from scripts.bootstrap.environments import ENVIRONMENTS, UV_REQUIREMENTS, Environment, environment
from scripts.bootstrap.folders import clear, writable
from scripts.bootstrap.progress import Progress
from scripts.bootstrap.remedies import remedy
from scripts.bootstrap.stamp import Stamp
from scripts.places import PROJECT_ENVIRONMENT, ROOT
from scripts.processes import Child, Interrupts, last_lines, wait

VENV_LIMIT_S: Final = 180.0
UV_LIMIT_S: Final = 600.0
PACKAGES_LIMIT_S: Final = 1_800.0
_ASK_LIMIT_S: Final = 60.0


class SetupFailed(Exception):
    """An environment could not be made: why, the last log lines, and what to do."""

    def __init__(self, reason: str, advice: str = "", *, tail: str = "") -> None:
        parts = [reason, tail, f"Remedy: {advice}" if advice else ""]
        super().__init__("\n".join(filter(None, parts)))


@dataclass(frozen=True, slots=True)
class Tools:
    """What every step needs. ``surroundings`` is the environment of the programs we run."""

    progress: Progress
    interrupts: Interrupts
    surroundings: Mapping[str, str]
    log: Path

    def run(
        self,
        step: str,
        command: Sequence[str | Path],
        surroundings: Mapping[str, str],
        limit_s: float,
    ) -> None:
        """Run a step's program; raises SetupFailed and Interrupted."""
        self.interrupts.check()
        self.progress.begin(step)
        begin = self.log.stat().st_size
        child = Child([str(part) for part in command], self.log, surroundings, limit_s=limit_s)
        status = wait(child, self.interrupts, self.progress.watch)
        if status == 0:
            self.progress.end(child)
            return
        with self.log.open("rb") as log:
            log.seek(begin)
            output = log.read().decode(errors="replace")
        why = f"took longer than {limit_s:.0f} s" if child.timed_out else f"failed ({status})"
        raise SetupFailed(f"{step} {why}.", remedy(output), tail=last_lines(self.log))


def build(wanted: Environment, tools: Tools) -> None:
    """Make the environment hold exactly what it should; the lock must be held."""
    found = _to_update(wanted.folder)
    if found is not None and environment(found.requirements).serves(wanted.name):
        wanted = environment(found.requirements)  # never take away what another command asked for
    if not wanted.holds_project and _ask(_uv(), "--version") is None:
        build(environment("base"), tools)
    if found is not None:
        stamp.remove(wanted.folder)
    else:
        _make_empty(wanted, tools)
    if wanted.holds_project:
        _install_uv(tools)
    _install_packages(wanted, tools)
    if wanted.holds_project:
        install_project(wanted.folder)
    _stamp(wanted)


def _to_update(folder: Path) -> Stamp | None:
    """The stamp of an environment that needs other packages only; else it is made anew."""
    found = Stamp.read(folder)
    version = "{}.{}".format(*sys.version_info)
    if found is None or found.requirements not in ENVIRONMENTS or found.python != version:
        return None
    return found if writable(folder) and found.intact(folder) else None


def _make_empty(one: Environment, tools: Tools) -> None:
    clear(one.folder, tools.progress.say)
    base = getattr(sys, "_base_executable", sys.executable)  # never the one we are replacing
    pip = () if one.holds_project else ("--without-pip",)
    command = (base, "-I", "-m", "venv", *pip, one.folder)
    tools.run(f"empty environment {one.folder.name}", command, tools.surroundings, VENV_LIMIT_S)


def _uv() -> Path:
    return PROJECT_ENVIRONMENT / "bin" / "uv"


def pinned_uv(requirements: Path) -> str:
    """The version of uv that the requirements name."""
    lines = requirements.read_text(encoding="utf-8").splitlines()
    return next(line.split("==")[1].split()[0] for line in lines if line.startswith("uv=="))


def _install_uv(tools: Tools) -> None:
    pip = (PROJECT_ENVIRONMENT / "bin" / "python", "-I", "-m", "pip", "install")
    options = ("--require-hashes", "--only-binary", ":all:", "--progress-bar", "off")
    command = (*pip, *options, "-r", UV_REQUIREMENTS)
    surroundings = index.for_pip(tools.surroundings)
    tools.run(f"uv {pinned_uv(UV_REQUIREMENTS)}", command, surroundings, UV_LIMIT_S)


def _install_packages(one: Environment, tools: Tools) -> None:
    listing = _ask(PROJECT_ENVIRONMENT / "bin" / "python", "-I", "-m", "pip", "config", "list")
    surroundings = index.for_uv(index.parse(listing or ""), tools.surroundings)
    options = ("--require-hashes", "--no-build", "--python", one.python)
    command = (_uv(), "pip", "sync", *options, one.requirements)
    tools.run(f"packages of {one.name}", command, surroundings, PACKAGES_LIMIT_S)


def install_project(folder: Path) -> None:
    """Make the work tree importable and ``routstr`` a command, without building anything."""
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "routstr.pth").write_text(f"{ROOT}\n", encoding="utf-8")
    command = folder / "bin" / "routstr"
    command.write_text(_COMMAND.format(python=folder / "bin" / "python"), encoding="utf-8")
    command.chmod(0o755)


_COMMAND: Final = """\
#!/bin/sh
'''exec' "{python}" "$0" "$@"
' '''
import sys

from routstr.cli import main

sys.exit(main())
"""
"""Starts as a shell script, because a first line that names the interpreter allows no spaces."""


def _stamp(one: Environment) -> None:
    python = stamp.running_python(one.folder)
    if python is None:
        raise SetupFailed(f"{one.python} does not run.", "Run the command again.")
    digest = stamp.digest([UV_REQUIREMENTS, one.requirements])
    packages = stamp.installed(one.folder)
    Stamp(one.name, digest, str(one.folder), python[0], packages).write()


def _ask(*command: str | Path) -> str | None:
    """What a program prints at once, or None when it does not run."""
    with suppress(OSError, subprocess.SubprocessError):
        return subprocess.run(
            command,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=_ASK_LIMIT_S,
            check=True,
            text=True,
        ).stdout
    return None
