"""What may leave for the next archive."""

from typing import Final

from sqlalchemy import Connection, text

from routstr.ledger import archives, browse, seals, usage, verdict
from routstr.ledger.archive_removal import CannotArchive
from routstr.ledger.seals import Sealed
from routstr.payment.archive.parts import Span

_NEWEST: Final = """
SELECT coalesce((SELECT max(id) FROM transfers), 0), coalesce((SELECT max(id) FROM holds), 0)
"""
_LAST_SEAL: Final = "SELECT max(number) FROM seals WHERE number <= :number AND upto <= :upto"


def plan(connection: Connection, until: int) -> Span:
    """Choose what leaves: nothing younger than ``until``, ms since 1970.

    Only what was verified, sealed and added to the figures may leave, and neither the newest
    transfer nor the newest hold, so that no id is given out twice. Raises :class:`CannotArchive`.
    """
    before = archives.last(connection)
    if before is not None and before.ended_at is None:
        raise CannotArchive(f"archive {before.number} is not finished: resume it first")
    proven = verdict.read(connection).checkpoint
    if proven is None:
        raise CannotArchive("the books were never verified: run routstr verify")
    newest, newest_hold = (int(one) for one in connection.execute(text(_NEWEST)).one())
    old = browse.first_since(connection, until) - 1
    reach = min(proven.transfers, usage.reach(connection), newest - 1, old)
    bounds = {"number": proven.seal.number, "upto": reach}
    number = connection.execute(text(_LAST_SEAL), bounds).scalar_one_or_none()
    begin = Sealed(before.seal, before.upto, digest=before.digest) if before else Sealed()
    end = seals.numbered(connection, int(number)) if number else None
    if end is None or end.number <= begin.number:
        raise CannotArchive("nothing is old enough to leave")
    first_young = browse.first_since(connection, until, browse.HOLD_ID, browse.HOLD_TIME)
    return Span(
        number=before.number + 1 if before else 1,
        after=begin,
        upto=end,
        holds_upto=min(first_young - 1, proven.holds.upto),
        newest_hold=newest_hold,
    )
