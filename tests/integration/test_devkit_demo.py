import subprocess
import sys
from pathlib import Path

import pytest

from devkit.environment import ROOT


@pytest.mark.mint
def test_the_demo_keeps_its_promises_and_leaves_nothing_behind(tmp_path: Path) -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "demo"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path), "LC_ALL": "C", "ONCE": "1"},
        capture_output=True,
        check=False,
        timeout=120,
    )
    shown = finished.stdout.decode("ascii", errors="strict") + finished.stderr.decode()
    assert finished.returncode == 0, shown
    assert "Everything agreed, to the msat" in shown
    assert list(tmp_path.iterdir()) == []
