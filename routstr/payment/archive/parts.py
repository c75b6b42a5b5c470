"""The rows of an archive as they are read from the database, a part at a time.

A part is read by itself, so that no transaction is open for as long as the whole takes: nothing
that it reads changes any more, but all of it leaves when somebody else is the first to archive it.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct
from sqlalchemy import Connection

from routstr.ledger import archive_rows, seals
from routstr.ledger.archive_removal import CannotArchive, Part
from routstr.ledger.archive_rows import read_hold, read_transfer
from routstr.ledger.entries import HoldState
from routstr.ledger.seals import Sealed

PART_ROWS: Final = 500
"""Transfers, or holds, that leave in one transaction: requests wait for it."""
_SETTLED: Final = int(HoldState.SETTLED)


class Span(Struct, frozen=True):
    """What an archive is of: transfers above ``after``, the end of the one before, to a seal.

    Holds with ids up to ``holds_upto`` may leave that were charged nothing, none at all from
    ``newest_hold`` on: its id must not be given out again.
    """

    number: int
    after: Sealed
    upto: Sealed
    holds_upto: int
    newest_hold: int


class Read(Struct, frozen=True):
    """A part, the transfers in it that stay, and where the next one begins (ids)."""

    part: Part
    lines: Sequence[str]
    kept: Sequence[str]
    at: int
    more: bool


def taken(span: Span) -> CannotArchive:
    """What is told to who comes second."""
    return CannotArchive(f"archive {span.number} was made meanwhile by somebody else")


def charges(connection: Connection, span: Span, at: int) -> Read:
    """Read the transfers behind ``at``, their seals, and the holds of those that leave.

    Raises :class:`CannotArchive` when there are none any more.
    """
    rows = seals.lines(connection, at, span.upto.upto, PART_ROWS)
    if not rows:
        raise taken(span)
    end = rows[-1][0]
    sealed = _sealed(connection, span, at, end)
    charged = {
        one.reference: (number, line)
        for number, line in rows
        if (one := read_transfer(line)).is_charge and one.reference < span.newest_hold
    }
    holds = {
        number: line
        for number, line in archive_rows.hold_lines(connection, charged or (0,)).items()
        if read_hold(line).state == _SETTLED
    }
    leaving = {charged[hold][0]: charged[hold][1] for hold in holds}
    return Read(
        Part(leaving, holds, [one.number for one in sealed]),
        [*_merged(rows, sealed), *_hold_lines(holds)],
        [line for number, line in rows if number not in leaving],
        end,
        more=end < span.upto.upto,
    )


def free(connection: Connection, span: Span, at: int) -> Read:
    """Read the holds behind ``at`` that ended without a charge."""
    upto = min(span.holds_upto, span.newest_hold - 1)
    holds = archive_rows.free_holds(connection, after=at, upto=upto, rows=PART_ROWS)
    end = max(holds, default=at)
    return Read(Part({}, holds), list(_hold_lines(holds)), (), end, more=len(holds) == PART_ROWS)


def _sealed(connection: Connection, span: Span, at: int, end: int) -> list[Sealed]:
    """The seals that end behind ``at`` and not behind ``end``."""
    first = seals.covering(connection, at + 1)
    found: list[Sealed] = []
    number = first.number - 1 if first else span.upto.number
    while number < span.upto.number:
        for one in seals.behind(connection, number, PART_ROWS):
            if one.upto > end or one.number > span.upto.number:
                return found
            found.append(one)
        number = found[-1].number if found else span.upto.number
    return found


def _merged(rows: Sequence[tuple[int, str]], sealed: Sequence[Sealed]) -> list[str]:
    """Each seal behind its last transfer."""
    ends = {one.upto: one for one in sealed}
    lines: list[str] = []
    for number, line in rows:
        lines.append(f"T,{line}")
        if (one := ends.get(number)) is not None:
            told = f"{one.number},{one.upto},{one.transfers},{one.digest.hex()}"
            lines.append(f"S,{told},{one.proof.hex()},{one.created_at}")
    return lines


def _hold_lines(holds: Mapping[int, str]) -> Sequence[str]:
    return [f"H,{line}" for line in holds.values()]
