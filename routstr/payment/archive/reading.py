"""Reading an archive's file: every digest in it worked out anew, part by part.

Whoever has all files from the first one on proves with them alone what the books began with.
"""

import zlib
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final

from msgspec import Struct

from routstr.ledger import seals
from routstr.ledger.archive_removal import Part
from routstr.ledger.archive_rows import NotARow, read_hold, read_transfer
from routstr.ledger.openings import Openings
from routstr.payment.archive import format as form
from routstr.payment.archive import statement as statements
from routstr.payment.archive.format import BadArchive, Head
from routstr.payment.archive.statement import Facts
from routstr.payment.signing import BadStatement


class Proven(Struct, frozen=True):
    """What a file was found to say. ``whole``: its sums are proven, too, from the first archive on.

    ``statement`` is the line as it stands in the file.
    """

    head: Head
    facts: Facts
    statement: str
    whole: bool


class Walk:
    """Takes the lines of one file in turn. ``before``: the walk through the archive before it."""

    def __init__(self, before: "Walk | None" = None) -> None:
        self.head: Head | None = None
        self.statement = ""
        self.kept = sha256()
        self.openings: Openings | None = None
        self._before: Final = before
        self._content: Final = sha256()
        self._sums: Final = sha256()
        self._number, self._digest = 0, seals.GENESIS
        self._pending: list[str] = []
        self._transfers: dict[int, str] = {}
        self._holds: dict[int, str] = {}
        self._seals: list[int] = []
        self._counts = [0, 0, 0]
        self.proven: Proven | None = None

    def parts(self, path: Path) -> Iterator[Part]:
        """Read a file: the parts that leave, in order, then prove it. Raises :class:`BadArchive`.

        Nothing that came before is proven until the last part was taken.
        """
        try:
            for line in form.lines(path):
                if self.statement:
                    raise BadArchive("something follows its statement")
                if line == form.END_OF_PART:
                    self._note(line)
                    yield self._part()
                else:
                    self._take(line)
            self.proven = self._prove()
        except (NotARow, BadStatement, zlib.error) as error:
            raise BadArchive(str(error)) from None

    def _take(self, line: str) -> None:
        if self.head is None:
            self._begin(line)
            return
        if line.startswith("{"):
            self.statement = line
            return
        self._note(line)
        letter, _, row = line.partition(",")
        if letter == "T":
            self._pending.append(row)
        elif letter == "H":
            hold = read_hold(row)
            self._holds[hold.id] = row
        elif letter == "S":
            self._seal(row)
        elif letter in {"A", "L"}:
            self._sums.update(f"{line}\n".encode())
        else:
            raise BadArchive(f"this is no line of an archive: {line[:80]}")
        if letter == "T":
            self._transfers[read_transfer(row).id] = row

    def _begin(self, line: str) -> None:
        self.head = form.read_head(line)
        self._note(line)
        self._number, self._digest = self.head.seal, bytes.fromhex(self.head.seal_digest)
        if self._before is not None:
            self._follows(self._before, self.head)
            self.kept = self._before.kept.copy()
            self.openings = self._before.openings
        elif self.head.number == 1:
            self.openings = Openings()

    def _follows(self, before: "Walk", head: Head) -> None:
        facts = before.proven.facts if before.proven else None
        if facts is None or facts.number + 1 != head.number:
            raise BadArchive(f"archive {head.number} does not follow the one given before it")
        ends = facts.transfers_upto, facts.seal, facts.seal_digest
        if (
            ends != (head.after, head.seal, head.seal_digest)
            or statements.digest(before.statement) != head.previous
        ):
            raise BadArchive(f"it does not begin where archive {facts.number} ends")

    def _seal(self, row: str) -> None:
        """Prove the transfers since the seal before by this one."""
        try:
            number, upto, count, digest = row.split(",")[:4]
            found = seals.digest_of(int(number), self._digest, int(upto), self._pending)
            right = int(number) == self._number + 1 and int(count) == len(self._pending)
        except ValueError:
            raise BadArchive(f"this is no seal: {row[:80]}") from None
        if not right or found.hex() != digest:
            raise BadArchive(f"transfers up to {upto} are not as they were sealed")
        self._number, self._digest = int(number), found
        self._pending = []
        self._seals.append(int(number))

    def _part(self) -> Part:
        """Take what leaves with this part; what stays is hashed."""
        leaving: dict[int, str] = {}
        for number, row in self._transfers.items():
            charge = read_transfer(row)
            if charge.is_charge and charge.reference in self._holds:
                leaving[number] = row
                self._counts[0] += 1
                self._counts[1] += charge.amount
                if self.openings is not None:
                    self.openings.add_charge(charge)
            else:
                self.kept.update(f"{row}\n".encode())
        for row in self._holds.values():
            self._counts[2] += 1
            if self.openings is not None:
                self.openings.add_hold(read_hold(row))
        part = Part(leaving, self._holds, self._seals)
        self._transfers, self._holds, self._seals = {}, {}, []
        return part

    def _note(self, line: str) -> None:
        self._content.update(f"{line}\n".encode())

    def _prove(self) -> Proven:
        if self.head is None or not self.statement:
            raise BadArchive("it is cut off: its statement is missing")
        facts = statements.read(self.statement)
        whole = self.openings is not None
        found = {
            "content": (facts.content, self._content.hexdigest()),
            "seal": (facts.seal_digest, self._digest.hex()),
            "number of the seal": (facts.seal, self._number),
            "sums": (facts.openings, self._sums.hexdigest()),
            "number": (facts.number, self.head.number),
            "statement before": (facts.previous, self.head.previous),
            "counts": ([facts.removed, facts.removed_msats, facts.holds], self._counts),
        }
        if self.openings is not None:
            found["opening sums"] = (facts.openings, self.openings.digest())
            found["transfers that stay"] = (facts.kept, self.kept.hexdigest())
        wrong = [name for name, (said, is_so) in found.items() if said != is_so]
        if self._pending:
            wrong.append("unsealed transfers")
        if self._transfers or self._holds:
            wrong.append("rows outside of parts")
        if wrong:
            raise BadArchive(f"not as it was signed: {', '.join(wrong)}")
        return Proven(self.head, facts, self.statement, whole)


def prove(path: Path, before: Walk | None = None) -> Walk:
    """Read a whole file and prove it; the walk is what the next one is proven with."""
    walk = Walk(before)
    for _ in walk.parts(path):
        pass
    return walk
