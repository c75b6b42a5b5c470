"""The demo is run where it is, and told where it is not."""

from pathlib import Path

import pytest
import typer

from routstr.cli import demonstration


def test_its_exit_code_is_the_command_s(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "__main__.py").write_text("import sys; sys.exit(3 + ('--once' in sys.argv))")
    assert demonstration.run(once=True, root=tmp_path) == 4


def test_an_installed_package_has_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        demonstration.run(once=False, root=tmp_path)
    assert "make demo" in capsys.readouterr().err
