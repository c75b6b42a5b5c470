"""How rows leave for an archive.

First the file exists, complete and on the disk; then a row here says so; then the rows that it has
are removed, part by part. Each part is one transaction: its rows are compared with the file's, go,
and what they add up to is added to the opening sums. So the books are right at any moment, and
whoever goes on after a crash begins with the next part.
"""

import hmac
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Final

from msgspec import Struct
from sqlalchemy import bindparam, text

from routstr.core.db import Dialect, Tx, migrate
from routstr.ledger import archive_rows, archives, instances, openings_store, seals
from routstr.ledger.archives import Archived
from routstr.ledger.openings import Openings

SINCE: Final = "0021"
"""The oldest schema whose programs know of archives."""
_ALONE: Final = "LOCK TABLE archives, seals IN EXCLUSIVE MODE"
_INSERT: Final = """
INSERT INTO archives (number, upto, seal, digest, statement, proof, parts, removed, amount,
                      created_at)
VALUES (:number, :upto, :seal, :digest, :statement, :proof, 0, 0, 0, :created_at)
"""
_NEXT: Final = """
UPDATE archives SET parts = parts + 1, removed = removed + :removed, amount = amount + :amount
WHERE number = :number AND parts = :parts AND ended_at IS NULL
"""
_END: Final = """
UPDATE archives SET ended_at = :at WHERE number = :number AND parts = :parts AND ended_at IS NULL
"""


class CannotArchive(ValueError):
    """Nothing was removed; the message says why."""


class NotTheSame(ValueError):
    """A row is not as the archive has it, or not there: this part was not removed."""


class Part(Struct, frozen=True):
    """Rows of an archive that leave together: lines by ids, and numbers of seals."""

    transfers: Mapping[int, str]
    holds: Mapping[int, str]
    seals: Sequence[int] = ()


def proof_of(key: bytes, number: int, statement: str) -> bytes:
    """Prove that this node made a statement: HMAC-SHA256 by the key of its seals."""
    told = f"archive,{number},{sha256(statement.encode()).hexdigest()}"
    return hmac.digest(key, told.encode(), "sha256")


def begin(tx: Tx, archive: Archived) -> None:
    """Enter an archive whose file is on the disk. Raises :class:`CannotArchive`.

    From then on no older program may work on the database: it would miss what has left.
    """
    if tx.dialect is Dialect.POSTGRESQL:
        tx.sql.execute(text(_ALONE))
    before = archives.last(tx.sql)
    if before is not None and before.ended_at is None:
        raise CannotArchive(f"archive {before.number} is not finished: resume it first")
    if archive.number != (before.number if before else 0) + 1:
        raise CannotArchive(f"archive {archive.number} was made meanwhile by somebody else")
    end = seals.numbered(tx.sql, archive.seal)
    if end is None or end.digest != archive.digest:  # its seals could not leave, nor be proven
        raise CannotArchive("transfers were sealed anew meanwhile: make it again")
    if older := instances.older_than(tx.sql, SINCE):
        names = ", ".join(str(one) for one in sorted(older))
        raise CannotArchive(f"instances {names} run an older version: upgrade or stop them first")
    migrate.serve_since(tx.sql, SINCE)
    values = {name: getattr(archive, name) for name in archive.__struct_fields__}
    tx.sql.execute(text(_INSERT), values)


def remove(tx: Tx, archive: Archived, place: int, part: Part) -> bool:
    """Remove part ``place`` (0, 1, 2 ...) of an archive; false when somebody has, meanwhile.

    The seal with which it ends stays. Raises :class:`NotTheSame`.
    """
    sums = Openings()
    amount = sums.add_rows(part.transfers.values(), part.holds.values())
    values = {"number": archive.number, "parts": place, "removed": len(part.transfers)}
    values["amount"] = amount
    if tx.sql.execute(text(_NEXT), values).rowcount != 1:
        return False
    _compare("transfer", archive_rows.transfer_lines(tx.sql, part.transfers), part.transfers)
    _compare("hold", archive_rows.hold_lines(tx.sql, part.holds), part.holds)
    openings_store.add(tx, sums)
    _delete(tx, "transfers", "id", part.transfers)
    _delete(tx, "holds", "id", part.holds)
    _delete(tx, "seals", "number", [one for one in part.seals if one != archive.seal])
    return True


def end(tx: Tx, number: int, parts: int, at: int) -> bool:
    """Note that everything has left; false when that is noted already, or is not so."""
    return tx.sql.execute(text(_END), {"number": number, "parts": parts, "at": at}).rowcount == 1


def _compare(what: str, found: Mapping[int, str], wanted: Mapping[int, str]) -> None:
    if found == wanted:
        return
    wrong = sorted(number for number in wanted if found.get(number) != wanted[number])
    there = "is not as the archive has it" if wrong[0] in found else "is not there"
    raise NotTheSame(f"{what} {wrong[0]} {there}: nothing more was removed")


def _delete(tx: Tx, table: str, column: str, numbers: Sequence[int] | Mapping[int, str]) -> None:
    if not numbers:
        return
    query = text(f"DELETE FROM {table} WHERE {column} IN :numbers")  # noqa: S608 - constants
    query = query.bindparams(bindparam("numbers", expanding=True))
    gone = tx.sql.execute(query, {"numbers": list(numbers)}).rowcount
    if gone != len(numbers):
        raise NotTheSame(f"{len(numbers)} {table} were to go, {gone} were there")
