import io
from pathlib import Path

from scripts.bootstrap.progress import Progress
from scripts.processes import Child, Interrupts, wait


def told(script: str, log: Path, *, live: bool) -> str:
    out = io.StringIO()
    progress = Progress(out, live=live)
    progress.begin("packages")
    child = Child(["/bin/sh", "-c", script], log, {}, limit_s=20.0)
    wait(child, Interrupts(), progress.watch)
    progress.end(child)
    return out.getvalue()


def test_a_log_shows_the_sizes_of_downloads_as_plain_lines(tmp_path: Path) -> None:
    script = 'echo "Downloading mypy (12.9MiB)"; echo "a word of no interest"'

    lines = told(script, tmp_path / "log", live=False).splitlines()

    assert lines[:2] == ["  packages ...", "    Downloading mypy (12.9MiB)"]
    assert lines[2].startswith("  packages: ")
    assert len(lines) == 3


def test_a_terminal_shows_one_line_per_step(tmp_path: Path) -> None:
    shown = told('echo "Downloading mypy (12.9MiB)"; sleep 0.4', tmp_path / "log", live=True)

    assert "Downloading mypy (12.9MiB)" in shown
    assert shown.count("\n") == 1
    assert shown.rpartition("\r\033[K")[2].startswith("  packages: ")
