"""The load tools of ``bench/tools``: compiled by gcc, once for each run."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

_SOURCES: Final = Path(__file__).parent / "tools"


class NoCompiler(Exception):
    """gcc is missing."""

    def __init__(self) -> None:
        super().__init__("the load tools are built with gcc: apt-get install gcc libc6-dev")


@dataclass(frozen=True, slots=True)
class Tools:
    """Where the compiled programs lie; the head of each one's source says how it is run."""

    upstream: Path
    http: Path
    sse: Path

    @classmethod
    def build(cls, folder: Path) -> Self:
        """Compile them into ``folder``; raises NoCompiler."""
        folder.mkdir(parents=True, exist_ok=True)
        return cls(*(_compiled(name, folder) for name in ("mock_upstream", "httpload", "sseload")))


def _compiled(name: str, folder: Path) -> Path:
    compiler = shutil.which("gcc")
    if compiler is None:
        raise NoCompiler
    program = folder / name
    subprocess.run([compiler, "-O2", "-o", program, _SOURCES / f"{name}.c"], check=True)
    return program
