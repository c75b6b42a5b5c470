import stat
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from routstr.core.log_files import DailyFile

DAY = date(2026, 2, 28)
NEXT = date(2026, 3, 1)


def test_each_day_has_its_file(tmp_path: Path) -> None:
    file = DailyFile(tmp_path / "logs", days=30)
    file.open(DAY)
    file.write(b"a\n")
    file.open(DAY)
    file.write(b"b\n")
    file.open(NEXT)
    file.write(b"c\n")
    file.close()

    assert (tmp_path / "logs" / "app_2026-02-28.log").read_bytes() == b"a\nb\n"
    assert (tmp_path / "logs" / "app_2026-03-01.log").read_bytes() == b"c\n"


def test_a_restart_appends(tmp_path: Path) -> None:
    for _ in range(2):
        file = DailyFile(tmp_path, days=30)
        file.open(DAY)
        file.write(b"x\n")
        file.close()

    assert (tmp_path / "app_2026-02-28.log").read_bytes() == b"x\nx\n"


def test_others_cannot_read_the_logs(tmp_path: Path) -> None:
    file = DailyFile(tmp_path, days=30)
    file.open(DAY)
    file.close()

    assert stat.S_IMODE(file.path(DAY).stat().st_mode) & 0o007 == 0


def test_old_files_are_removed_and_foreign_ones_left(tmp_path: Path) -> None:
    kept = ["app_2026-02-27.log", "app_2099-01-01.log", "app_2026-02-26.log.gz", "notes.log"]
    for name in [*kept, "app_2026-02-26.log", "app_2025-12-31.log"]:
        (tmp_path / name).touch()
    file = DailyFile(tmp_path, days=2)
    file.open(DAY)
    file.close()

    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*kept, file.path(DAY).name])


def test_a_folder_that_cannot_be_made_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(OSError, match="file"):
        DailyFile(tmp_path / "file" / "logs", days=1).open(DAY)


def test_lines_of_two_processes_do_not_mix(tmp_path: Path) -> None:
    program = (
        "import sys; from datetime import date; from pathlib import Path\n"
        "from routstr.core.log_files import DailyFile\n"
        "file = DailyFile(Path(sys.argv[1]), 30); file.open(date(2026, 2, 28))\n"
        "for _ in range(200): file.write((sys.argv[2] * 300 + '\\n').encode() * 3)\n"
    )
    root = Path(__file__).parents[3]
    running = [
        subprocess.Popen([sys.executable, "-c", program, tmp_path, letter], cwd=root)
        for letter in "ab"
    ]

    assert [process.wait(30) for process in running] == [0, 0]
    lines = DailyFile(tmp_path, 30).path(DAY).read_text().splitlines()
    assert len(lines) == 1_200
    assert set(lines) == {"a" * 300, "b" * 300}
