"""What the mints say of the ecash in the books."""

import json

from rich.console import Console
from typer.testing import CliRunner

from routstr.cli.tree import cli
from routstr.cli.verification_mints import show
from routstr.money import Unit
from routstr.payment.mint_audit import Answered
from tests.unit.cli.stage import Stage

MINT = "https://mint.example"


def shown(*answers: Answered) -> str:
    console = Console(record=True, width=100)
    show(list(answers), console)
    return " ".join(console.export_text().split())


def test_amounts_are_told_by_mint_and_unit() -> None:
    text = shown(Answered(mint=MINT, unit=Unit.SAT, ours=1_021, redeemed=4))
    assert "https://mint.example sat 1,021 0 0 4" in text
    assert "spent." not in text


def test_what_is_missing_and_who_was_not_asked_is_told() -> None:
    text = shown(Answered(mint=MINT, unit=Unit.SAT, ours=1_021, spent=21, problem="no [b]answer"))
    assert "not asked to the end: no [b]answer" in text
    assert "21 sat count as ours and are spent" in text


def test_without_proofs_nobody_is_asked(database: Stage) -> None:
    done = CliRunner().invoke(cli, ["verify", "--mints", "--json"], catch_exceptions=False)
    assert done.exit_code == 0
    assert json.loads(done.stdout)["mints"] == []
    assert "mints" not in json.loads(CliRunner().invoke(cli, ["verify", "--json"]).stdout)
