import os
from pathlib import Path

import pytest

from scripts import chromium


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in which programs are looked for."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def put(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return file


@pytest.mark.parametrize("name", chromium.NAMES)
def test_it_is_found_under_each_of_its_names(programs: Path, name: str) -> None:
    assert chromium.find() is None
    put(programs, name, "")
    assert chromium.find() == str(programs / name)
    assert chromium.missing() is None
    assert chromium.main() == 0


def test_who_may_not_install_it_is_told_how_it_is_done(
    programs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put(programs, "apt-get", "exit 9")
    monkeypatch.setattr(os, "geteuid", lambda: 1_000)
    assert chromium.missing() == chromium.INSTALL
    assert chromium.main() == 1
    assert chromium.INSTALL in capsys.readouterr().err


def test_root_gets_it_from_the_system_s_packages(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    done = programs / "done"
    put(
        programs,
        "apt-get",
        f'echo "$@" >> {done}\ncase "$*" in *install*) echo > {programs}/chromium;'
        f" /bin/chmod +x {programs}/chromium;; esac",
    )
    assert chromium.missing() is None
    assert chromium.main() == 0
    update, install = done.read_text().splitlines()
    assert update.endswith("update")
    assert install.endswith(" ".join(chromium.PACKAGES))


def test_a_registry_that_does_not_answer_is_told(
    programs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    put(programs, "apt-get", "exit 100")
    assert chromium.main() == 1
    assert "update failed" in capsys.readouterr().err
