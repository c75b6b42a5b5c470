"""What a mint's report and its answers about proofs come to."""

import pytest

from routstr.admin.setup.mint_check import MintReport, UnitReport
from routstr.cli.doctor.checks import mints
from routstr.cli.doctor.findings import State
from routstr.money import Unit
from routstr.payment.mint_audit import Answered
from routstr.wallet.mint_types import Bounds

URL = "https://mint.example"
WHOLE = UnitReport("sat", 100, Bounds(1, None), lightning_out=True)
BARE = UnitReport("sat", 0, None, lightning_out=False)


def report(*units: UnitReport, missing: tuple[str, ...] = ()) -> MintReport:
    return MintReport(URL, "", "", "", units, missing)


@pytest.mark.parametrize(
    ("told", "states", "said"),
    [
        (report(WHOLE), [State.WELL], "fee 100 ppk"),
        (report(), [State.FAULT], "no keyset"),
        (report(WHOLE, missing=("state", "proof")), [State.FAULT], "cannot do"),
        (report(BARE), [State.WELL, State.WARNING, State.WARNING], "answers"),
    ],
)
def test_a_report_is_judged(told: MintReport, states: list[State], said: str) -> None:
    found = list(mints._judged(URL, told))
    assert [one.state for one in found] == states
    assert said in found[0].what


def test_what_is_missing_is_told_by_its_number() -> None:
    (found,) = mints._judged(URL, report(WHOLE, missing=("state", "proof")))
    assert found.cause == "it does not support NUT-07, NUT-12"


@pytest.mark.parametrize(
    ("answered", "state"),
    [
        (Answered(mint=URL, unit=Unit.SAT, ours=5), State.WELL),
        (Answered(mint=URL, unit=Unit.SAT, ours=5, spent=2), State.FAULT),
        (Answered(mint=URL, unit=Unit.SAT, problem="no answer"), State.WARNING),
    ],
)
def test_proofs_are_compared(answered: Answered, state: State) -> None:
    assert mints._compared(answered).state is state
