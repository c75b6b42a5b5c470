"""The table at the end: rows are endpoints and forms, columns what befell them."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tests.endpoints.cells import PAYMENTS, Cell
from tests.endpoints.outcomes import OUTCOMES, Charge, Name
from tests.endpoints.payers import Till
from tests.endpoints.rows import ABSENT, FREE, ROWS, FreeRow, Row
from tests.endpoints.talking import TALK, TalkRow

_NAME: Final = 24
_FORM: Final = 8
_COLUMN: Final = 10
_LEGEND: Final = (
    "Each cell: Bearer sk, Bearer cashu, X-Cashu; + holds, - does not, . did not run.",
    "4xx, 5xx, timeout: nothing charged, all given back. ok, gone: what the provider said, by the",
    "published prices, to the msat. cut, no usage: by the documented rule, as told and booked.",
)


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a cell; no problem: all of it holds."""

    cell: Cell
    problem: str
    wanted: Charge | None
    seconds: float


def say(line: str = "") -> None:
    """Print a line at once, also into a pipe."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def tell(results: Sequence[Result], till: Till, problem: str, seconds: float) -> None:
    """Print everything; ``problem`` is what is wrong with the whole."""
    for line in (*_table(results), "", *_LEGEND, "", *_absent(), ""):
        say(line)
    failed = [result for result in results if result.problem]
    for result in failed:
        say(f"FAIL {result.cell}: {result.problem}")
    exact = sum(1 for one in results if one.wanted and one.wanted.least == one.wanted.most)
    say(
        f"{len(results)} cells in {seconds:.0f} s, {len(failed)} failed; "
        f"{exact} charges were known to the msat"
    )
    say(
        f"given {till.given:,} msat = charged {till.charged:,} + change {till.changed:,} "
        f"+ left {till.left:,}"
    )
    if till.pending:
        say(f"{till.pending} answers did not wait for their change any longer; it was claimed")
    say(problem or "no hold is open, routstr verify holds, the mint agrees")


def _table(results: Sequence[Result]) -> Iterator[str]:
    held = {(str(one.cell.row), one.cell.outcome, one.cell.payment): one for one in results}

    def cell(row: Row | FreeRow | TalkRow, outcome: Name | None) -> str:
        found = (held.get((str(row), outcome, payment)) for payment in PAYMENTS)
        return "".join("." if one is None else "-" if one.problem else "+" for one in found)

    yield _line("endpoint", "form", OUTCOMES)
    for row in ROWS:
        yield _line(row.name, row.form, [cell(row, outcome) for outcome in OUTCOMES])
    yield _line(TALK.name, TALK.form, [cell(TALK, outcome) for outcome in OUTCOMES])
    for free in FREE:
        yield _line(free.name, "free", [cell(free, None)])
    for absent in ABSENT:
        yield _line(absent.name, absent.form, ["n/a"] * len(OUTCOMES))


def _line(name: str, form: str, columns: Sequence[str]) -> str:
    told = "".join(f"{column:>{_COLUMN}}" for column in columns)
    return f"{name:{_NAME}}{form:{_FORM}}{told}"


def _absent() -> Iterator[str]:
    """What does not exist, and why."""
    for why in dict.fromkeys(absent.why for absent in ABSENT):
        names = ", ".join(dict.fromkeys(one.name for one in ABSENT if one.why == why))
        yield f"n/a  {names}: {why}"
    yield "X-Cashu is refused for a conversation, whatever befalls its provider: one cell"
    yield "n/a  free routes: whatever befalls a provider, since none is asked"
