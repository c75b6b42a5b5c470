"""How figures look on a terminal: 80 columns are enough, and other people's words obey nothing.

Cells are plain text: a mint's words are not read as markup, nor obeyed as terminal codes.
"""

from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

_STEPS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"))


def console() -> Console:
    """Where tables go."""
    return Console(highlight=False)


def table() -> Table:
    """An empty table."""
    return Table(box=SIMPLE_HEAD, pad_edge=False)


def add_row(to: Table, *cells: str) -> None:
    """Add a row of plain text; a cell may have several lines."""
    to.add_row(*(Text(cell) for cell in cells))


def amount(value: int, unit: str) -> str:
    """``1,234 sat``."""
    return f"{value:,} {unit}"


def age(ms: int) -> str:
    """How long ago, in the largest unit that fits: ``3 s``, ``5 min``, ``2 h``, ``4 d``."""
    seconds = max(0, ms) // 1_000
    for size, name in _STEPS:
        if seconds >= size:
            return f"{seconds // size} {name}"
    return f"{seconds} s"
