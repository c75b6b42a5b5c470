"""The commands of archives, as they are typed."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from routstr.cli.tree import cli
from tests.unit.payment.archive.sample import BODY, file_of, signed


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, ["archive", *words])


@pytest.mark.parametrize(
    "words",
    [("make",), ("make", "file", "--days", "0"), ("resume",), ("check",), ("find", "file")],
)
def test_what_is_missing_or_too_young_is_wrong_usage(words: tuple[str, ...]) -> None:
    assert run(*words).exit_code == 2


def test_a_file_is_all_that_proving_needs(tmp_path: Path) -> None:
    file = str(file_of(tmp_path, signed(BODY)))
    assert (
        "archive 1 is genuine (with its opening sums): 1 charges of 40 msat"
        in run("check", file).output
    )
    assert "40 msat for m (e): 1 tokens in, 2 out" in run("find", file, "r").output
