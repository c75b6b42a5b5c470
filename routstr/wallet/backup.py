"""The wallet in one encrypted file: its words, its counters, its proofs.

The words alone bring the ecash back from mints that can restore (NUT-09); with the proofs it comes
back from any mint. The file is JSON: how the key follows from the passphrase (scrypt, RFC 7914),
and the contents, sealed with AES-256-GCM.
"""

import os
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from sqlalchemy import Connection, select
from sqlmodel import col

from routstr.wallet.models import NOT_SPENT, KeysetRow, ProofRow, ProofStatus

FORMAT: Final = "routstr-wallet-backup"
VERSION: Final = 1
COST: Final = 1 << 17
"""Of scrypt with r = 8: 128 MiB of memory and about half a second."""
COST_MAX: Final = 1 << 20
_SALT_BYTES: Final = 16
_NONCE_BYTES: Final = 12
_KEY_BYTES: Final = 32
_BLOCK: Final = 8


class BackupError(ValueError):
    """The file is no backup of a wallet, or the passphrase is another one."""


class KeptKeyset(msgspec.Struct, frozen=True):
    """How far a keyset was used."""

    mint: str
    id: str
    counter: int


class KeptProof(msgspec.Struct, frozen=True):
    """A proof; its secret follows from words, keyset and counter."""

    mint: str
    keyset: str
    counter: int
    amount: int
    c: bytes


class Backup(msgspec.Struct, frozen=True):
    """What is in the file. Proofs in tokens that were given out are not: they are others'."""

    words: str
    made_at: int  # ms since the epoch
    keysets: list[KeptKeyset]
    proofs: list[KeptProof]

    def __repr__(self) -> str:
        return f"Backup(made_at={self.made_at}, proofs={len(self.proofs)})"


class _File(msgspec.Struct, forbid_unknown_fields=True):
    format: str
    version: int
    cost: int
    salt: bytes
    nonce: bytes
    sealed: bytes


def read(connection: Connection, words: str, at: int) -> Backup:
    """Gather everything on one snapshot of the database."""
    keysets = connection.execute(
        select(col(KeysetRow.mint), col(KeysetRow.keyset_id), col(KeysetRow.counter))
        .where(col(KeysetRow.counter) > 0)
        .order_by(col(KeysetRow.id))
    )
    proofs = connection.execute(
        select(
            col(KeysetRow.mint),
            col(KeysetRow.keyset_id),
            col(ProofRow.counter),
            col(ProofRow.amount),
            col(ProofRow.c),
        )
        .join(KeysetRow, col(ProofRow.keyset) == col(KeysetRow.id))
        .where(
            NOT_SPENT,
            col(ProofRow.status).in_((int(ProofStatus.UNSPENT), int(ProofStatus.RESERVED))),
        )
        .order_by(col(ProofRow.id))
    )
    return Backup(
        words,
        at,
        [KeptKeyset(*row) for row in keysets],
        [KeptProof(*row[:4], bytes(row[4])) for row in proofs],
    )


def encrypt(backup: Backup, passphrase: str, *, cost: int) -> bytes:
    """Write the file's contents; ``cost`` is a power of two, see ``COST``."""
    salt, nonce = os.urandom(_SALT_BYTES), os.urandom(_NONCE_BYTES)
    key = _derive(passphrase, salt, cost)
    clear = msgspec.json.encode(backup)
    sealed = AESGCM(key).encrypt(nonce, clear, _bound(VERSION, cost))
    return msgspec.json.encode(_File(FORMAT, VERSION, cost, salt, nonce, sealed))


def decrypt(data: bytes, passphrase: str) -> Backup:
    """Read a file's contents; :class:`BackupError` when that cannot be done."""
    try:
        file = msgspec.json.decode(data, type=_File)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise BackupError("the file is no backup of a wallet") from None
    if file.format != FORMAT or file.version != VERSION:
        raise BackupError("the file is no backup of a wallet that this version can read")
    if not 1 < file.cost <= COST_MAX or file.cost & (file.cost - 1):
        raise BackupError("the file asks for too much work")
    try:
        key = _derive(passphrase, file.salt, file.cost)
        clear = AESGCM(key).decrypt(file.nonce, file.sealed, _bound(file.version, file.cost))
        return msgspec.json.decode(clear, type=Backup)
    except (InvalidTag, ValueError):  # a nonce of another length is a ValueError
        raise BackupError("the passphrase is another one, or the file was changed") from None


def _bound(version: int, cost: int) -> bytes:
    return f"{FORMAT}/{version}/{cost}".encode()


def _derive(passphrase: str, salt: bytes, cost: int) -> bytes:
    return Scrypt(salt, _KEY_BYTES, cost, _BLOCK, 1).derive(passphrase.encode())
