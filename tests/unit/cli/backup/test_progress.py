"""The bar is on standard error and gone at the end."""

import pytest

from routstr.cli.backup.progress import bar


def test_nothing_is_left_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    with bar() as progress:
        task = progress.add_task("Working", total=2)
        progress.advance(task, 2)
    assert progress.finished
    assert capsys.readouterr().out == ""
