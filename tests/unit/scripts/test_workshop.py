import sys
import tempfile
from pathlib import Path

import pytest

from scripts.places import ROOT
from scripts.workshop import PARTS, copy, workshop


def test_a_copy_has_the_parts_and_nothing_that_running_left(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for part in PARTS:
        if (ROOT / part).is_dir():
            (source / part / "__pycache__").mkdir(parents=True)
            (source / part / "one.py").touch()
        else:
            (source / part).touch()
    (source / ".env").touch()

    copy(source, tmp_path / "tree")

    assert {path.name for path in (tmp_path / "tree").iterdir()} == set(PARTS)
    assert {path.name for path in (tmp_path / "tree" / "routstr").iterdir()} == {"one.py"}


def test_programs_run_in_the_copy_and_their_folder_goes_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", "sqlite:///somebody-elses.db")
    code = "import os; print(os.getcwd()); print(os.environ.get('DATABASE_URL'), os.environ['A'])"

    with workshop() as shop:
        child = shop.run((sys.executable, "-c", code), limit_s=20, more={"A": "B"})
        said = child.log.read_text().split()
        assert said == [str(shop.tree), "None", "B"]
        assert (shop.tree / "routstr" / "money.py").exists()

    assert child.status == 0
    assert list(tmp_path.iterdir()) == []
