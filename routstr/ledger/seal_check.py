"""The proof that transfers are as they were sealed: see :mod:`routstr.ledger.seals`.

A transfer that was changed, taken away, put in between or given another place is in a range whose
digest is another one now; an end that was cut off is missed by the seals that reach beyond it. A
row that was added behind the newest seal is no matter of the chain, but of all other equations.
"""

import hmac
from collections.abc import Iterator, Sequence
from typing import Final

from sqlalchemy import Connection, text

from routstr.ledger import archives, seals
from routstr.ledger.seals import Digest, Sealed
from routstr.ledger.verify import Check

SEALED: Final = "sealed transfers are unchanged"
_PART_SEALS: Final = 500
_PART_ROWS: Final = 10_000
# each by itself: both at once would read the whole table on SQLite
_ENDS: Final = """
SELECT coalesce((SELECT max(id) FROM transfers), 0), coalesce((SELECT min(id) FROM transfers), 1)
"""


def check_seals(connection: Connection, key: bytes | None, since: Sealed | None = None) -> Check:
    """Compare the transfers with the seals behind ``since``, which was verified before.

    Without the ``key`` of the node's proofs it is not verified who made the seals. The cost grows
    with the transfers behind ``since``; without one, with all behind the newest archive.
    """
    begin = since or _archived(connection)
    problems = list(_start(connection, begin))
    before = begin
    for part in _parts(connection, begin):
        rows = seals.read(connection, before.upto, part[-1].upto)
        row = next(rows, None)
        for seal in part:
            digest, count = Digest(seal.number, before.digest, seal.upto, seal.transfers), 0
            while row is not None and row[0] <= seal.upto:
                digest.add(row[1])
                count += 1
                row = next(rows, None)
            problems += _compare(before, seal, count, digest.done(), key)
            before = seal
    newest, lowest = (int(value) for value in connection.execute(text(_ENDS)).one())
    if before.upto > newest:
        problems.append(f"transfers up to {before.upto} were sealed, the newest is {newest}")
    if lowest < 1:
        problems.append(f"transfer {lowest} is before the first that could be sealed")
    return Check(SEALED, tuple(problems))


def _archived(connection: Connection) -> Sealed:
    """The seal with which the newest archive ends; without one, what the first seal follows."""
    found = archives.last(connection)
    return Sealed(found.seal, found.upto, digest=found.digest) if found else Sealed()


def _start(connection: Connection, begin: Sealed) -> Iterator[str]:
    """Whether the seal at which the last proof ended is still the same."""
    if not begin.number:
        return
    found = seals.numbered(connection, begin.number)
    if found is None:
        yield f"seal {begin.number} was verified and is gone"
    elif (found.digest, found.upto) != (begin.digest, begin.upto):
        yield f"seal {begin.number} is another one than was verified"


def _parts(connection: Connection, begin: Sealed) -> Iterator[Sequence[Sealed]]:
    """Cut the seals behind one into parts of so many transfers that memory does not matter."""
    number = begin.number
    while found := seals.behind(connection, number, _PART_SEALS):
        part: list[Sealed] = []
        rows = 0
        for seal in found:
            part.append(seal)
            rows += seal.transfers
            if rows >= _PART_ROWS:
                yield part
                part, rows = [], 0
        if part:
            yield part
        number = found[-1].number


def _compare(
    before: Sealed, seal: Sealed, count: int, digest: bytes, key: bytes | None
) -> Iterator[str]:
    where = f"transfers {before.upto + 1} to {seal.upto} (seal {seal.number})"
    if seal.number != before.number + 1:
        yield f"seals {before.number + 1} to {seal.number - 1} are gone"
    elif seal.transfers != count:
        yield f"{where}: there are {count}, {seal.transfers} were sealed"
    elif digest != seal.digest:
        yield f"{where}: not as they were sealed"
    if key is not None:
        proof = seals.proof_of(key, seal.number, seal.digest)
        if not hmac.compare_digest(proof, seal.proof):
            yield f"seal {seal.number} was not made with this node's key"
