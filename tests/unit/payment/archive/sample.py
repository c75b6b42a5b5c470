"""A small archive, written by hand from docs/archive.md."""

import gzip
from hashlib import sha256
from pathlib import Path

from routstr.ledger import seals
from routstr.ledger.openings import digest_of
from routstr.payment.archive import format as form
from routstr.payment.archive import statement as statements
from routstr.payment.archive.format import Head
from routstr.payment.archive.statement import Facts
from routstr.payment.signing import SigningKey

KEY = SigningKey.derived(b"k" * 32)
PAID = "1,9,3,1000,1,520000000000000001,1,1000,1700000000000"
CHARGED = "2,3,8,40,2,430000000000000005,5,,1700000000000"
HOLD = '[5,3,50,1,40,0,1,"r","m","e",1,"p=1",1,2,0,"p",20,100,200,null,null]'
FREE = HOLD.replace("[5,", "[6,").replace("1,40,", "1,0,")
SEAL = seals.digest_of(1, seals.GENESIS, 2, [PAID, CHARGED])
SUMS = ["A,3,-40,40,2", "A,8,40,0,0"]
BODY = [
    form.head_line(Head(1, 0, 0, seals.GENESIS.hex(), "")),
    f"T,{PAID}",
    f"T,{CHARGED}",
    f"S,1,2,2,{SEAL.hex()},aa,1700000000000",
    f"H,{HOLD}",
    "P",
    f"H,{FREE}",
    "P",
    *SUMS,
]


def signed(lines: list[str], **more: object) -> list[str]:
    """With a statement that says of these lines what is true of those above."""
    facts = {
        "number": 1, "transfers_upto": 2, "seal": 1, "seal_digest": SEAL.hex(), "removed": 1,
        "removed_msats": 40, "holds": 2, "kept": digest_of([PAID]), "openings": digest_of(SUMS),
        "content": sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest(),
        "previous": "", "made_at_ms": 1, **more,
    }  # fmt: skip
    return [*lines, statements.make(Facts(**facts), KEY)]  # type: ignore[arg-type]


def file_of(folder: Path, lines: list[str]) -> Path:
    file = folder / "file"
    file.write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode()))
    return file
