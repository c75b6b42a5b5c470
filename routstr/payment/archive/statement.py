"""What the node signs of an archive: where it ends, and with which sums the books go on."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

import msgspec
from msgspec import Struct

from routstr.payment import signing
from routstr.payment.signing import BadStatement, SigningKey

ARCHIVE: Final = "routstr-archive"
"""Type of the statement."""
VERSION: Final = 1


class Facts(Struct, frozen=True):
    """What it says. Digests are SHA-256 in hexadecimal digits, amounts msat.

    ``removed`` transfers of ``removed_msats`` and ``holds`` leave by this archive. ``kept`` is the
    digest of the transfers up to ``transfers_upto`` that stay, ``openings`` that of the sums of all
    that has left, ``content`` that of the file before the statement. ``previous`` is the digest of
    the statement before, or empty.
    """

    number: int
    transfers_upto: int
    seal: int
    seal_digest: str
    removed: int
    removed_msats: int
    holds: int
    kept: str
    openings: str
    content: str
    previous: str
    made_at_ms: int


def make(facts: Facts, key: SigningKey) -> str:
    """Sign; the statement as it is stored and written, one line of JSON."""
    told = {"type": ARCHIVE, "version": VERSION, **msgspec.structs.asdict(facts)}
    return signing.canonical(key.sign(told)).decode()


def read(statement: str, *, pubkey: str = "") -> Facts:
    """Verify a statement and return what it says. Raises :class:`BadStatement`."""
    told: Mapping[str, Any] = signing.read(statement.encode())
    signing.verify(told, kind=ARCHIVE, pubkey=pubkey)
    if told.get("version") != VERSION:
        raise BadStatement("it is of a version that is not known here")
    try:
        return msgspec.convert(told, Facts)
    except msgspec.ValidationError as error:
        raise BadStatement(f"it does not say all that it should: {error}") from None


def signer_of(statement: str) -> str:
    """The public key inside, 64 hexadecimal digits."""
    return str(signing.read(statement.encode()).get("pubkey"))


def digest(statement: str) -> str:
    """What the next statement calls this one."""
    return sha256(statement.encode()).hexdigest()
