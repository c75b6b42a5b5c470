"""What is installed from a wheel is a whole node."""

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

ROOT = Path(__file__).parents[2]


def test_the_wheel_carries_the_node_with_its_migrations_and_nothing_else(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT, check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("*.whl")
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
        entry_points = archive.read(next(n for n in names if n.endswith("entry_points.txt")))

    shipped = {str(path.relative_to(ROOT)) for path in (ROOT / "routstr").rglob("*.py")}
    assert shipped <= names
    assert "routstr/migrations/script.py.mako" in names
    assert any(name.startswith("routstr/migrations/versions/0001") for name in names)
    assert {name.partition("/")[0] for name in names} == {"routstr", "routstr-0.1.0.dist-info"}
    assert b"routstr = routstr.cli:main" in entry_points
