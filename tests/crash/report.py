"""Rows and the table at the end."""

import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from tests.crash.cells import Cell

_WIDTH: Final = 15


@dataclass(frozen=True, slots=True)
class Row:
    """What came of a cell; no problem: all of it holds."""

    cell: Cell
    problem: str
    seconds: float

    def __str__(self) -> str:
        line = f"{'FAIL' if self.problem else 'ok  '} {self.seconds:5.1f} s  {self.cell}"
        return f"{line}\n     {self.problem}" if self.problem else line


def say(line: str) -> None:
    """Print a line at once, also into a pipe."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def tell(rows: Sequence[Row], *, planned: int, seconds: float) -> None:
    """Print the table: cells that hold of those that ran."""
    if not rows:
        say("no cell ran")
        return
    say("")
    _table(rows, "where", lambda row: f"{row.cell.place.database} {row.cell.place.mint}")
    say("")
    _table(rows, "fee, unit", lambda row: f"{row.cell.place.fee_ppk} {row.cell.place.unit.value}")
    failed = [row for row in rows if row.problem]
    say("")
    for row in failed:
        say(str(row))
    each = sum(row.seconds for row in rows) / len(rows)
    say(
        f"{len(rows)} of {planned} cells ran in {seconds:.0f} s ({each:.1f} s each), "
        f"{len(failed)} failed"
    )


def _table(rows: Sequence[Row], title: str, column_of: Callable[[Row], str]) -> None:
    counts: defaultdict[tuple[str, str], list[bool]] = defaultdict(list)
    for row in rows:
        what = f"{row.cell.operation}, {row.cell.trouble.group}"
        for line in (what, "all"):
            for column in (column_of(row), "all"):
                counts[line, column].append(not row.problem)
    columns = [*sorted({column for _, column in counts} - {"all"}), "all"]
    lines = [*sorted({line for line, _ in counts} - {"all"}), "all"]
    say(f"{title:24}" + "".join(f"{column:>{_WIDTH}}" for column in columns))
    for line in lines:
        cells = (counts[line, column] for column in columns)
        say(f"{line:24}" + "".join(f"{_share(held):>{_WIDTH}}" for held in cells))


def _share(held: Sequence[bool]) -> str:
    return f"{sum(held)}/{len(held)}" if held else "-"
