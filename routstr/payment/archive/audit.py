"""Verifying what archives left behind: statements, sums, and the old transfers that stay."""

import hmac
from collections.abc import Iterator
from hashlib import sha256
from typing import Final

from sqlalchemy import Connection

from routstr.ledger import archive_removal, archives, openings_store, seals
from routstr.ledger.archives import ARCHIVED, Archived
from routstr.ledger.verify import Check
from routstr.payment.archive import statement as statements
from routstr.payment.archive.statement import Facts
from routstr.payment.signing import BadStatement

_PART_ROWS: Final = 10_000


def check_archives(connection: Connection, key: bytes | None) -> Check:
    """Compare every statement with its proof, and the newest one with the database.

    ``key`` as for :func:`routstr.ledger.seal_check.check_seals`. While rows are leaving, the sums
    are compared with the remaining rows alone, by all other equations.
    """
    problems: list[str] = []
    known = archives.known(connection)
    before = ""
    for place, archive in enumerate(known, 1):
        try:
            facts = statements.read(archive.statement)
        except BadStatement as error:
            problems.append(f"the statement of archive {archive.number}: {error}")
            continue
        problems += _differing(archive, facts, before, place, key)
        before = statements.digest(archive.statement)
    if not problems and known and known[-1].ended_at is not None:
        problems += _sums(connection, statements.read(known[-1].statement))
    return Check(ARCHIVED, tuple(problems))


def _differing(
    archive: Archived, facts: Facts, before: str, place: int, key: bytes | None
) -> Iterator[str]:
    here = (archive.number, archive.upto, archive.seal, archive.digest.hex())
    signed = (facts.number, facts.transfers_upto, facts.seal, facts.seal_digest)
    if here != signed or facts.previous != before or facts.number != place:
        yield f"archive {archive.number} is not the one of its statement"
    if archive.ended_at is not None:
        gone = archive.removed, archive.amount
        if gone != (facts.removed, facts.removed_msats):
            told = f"{gone[0]} transfers of {gone[1]} msat have left"
            yield f"archive {archive.number}: {told}, {facts.removed} were signed"
    if key is not None:
        proof = archive_removal.proof_of(key, archive.number, archive.statement)
        if not hmac.compare_digest(proof, archive.proof):
            yield f"archive {archive.number} was not made with this node's key"


def _sums(connection: Connection, facts: Facts) -> Iterator[str]:
    if openings_store.read(connection).digest() != facts.openings:
        yield "the opening sums are not those that were signed"
    kept, at = sha256(), 0
    while rows := seals.lines(connection, at, facts.transfers_upto, _PART_ROWS):
        kept.update("".join(f"{line}\n" for _, line in rows).encode())
        at = rows[-1][0]
    if kept.hexdigest() != facts.kept:
        yield f"the transfers up to {facts.transfers_upto} are not those that stayed"
