"""``routstr demo``: the demonstration of the source tree; an installed package has none."""

import subprocess
import sys
from pathlib import Path
from typing import Final

from routstr.cli.shell import fail

ROOT: Final = Path(__file__).parents[2]


def run(*, once: bool, root: Path = ROOT) -> int:
    """Run it with this interpreter; return its exit code."""
    if not (root / "demo" / "__main__.py").exists():
        fail("The demo is part of the source code, not of the package: in the source, make demo.")
    words = [sys.executable, "-m", "demo", *(["--once"] if once else [])]
    return subprocess.run(words, cwd=root, check=False).returncode  # noqa: S603 - our own program
