"""A stream of any length, sealed with a passphrase piece by piece, whose end is sealed, too.

::

    magic, length of the head (4 bytes), head (JSON, in clear: how the key follows, and facts)
    pieces: length (4 bytes), ciphertext and tag (AES-256-GCM)

The key follows from the passphrase (scrypt, RFC 7914). A piece's nonce is its number and whether it
is the last one, so that none can be left out, moved, repeated or cut off (the STREAM construction
of Hoang, Reyhanitabar, Rogaway and Vizar); the head is bound to each. Salt and key are new in each
file, so a number is never used twice with one key.
"""

import os
from typing import BinaryIO, Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from msgspec import Struct

MAGIC: Final = b"routstr backup\n"
FORMAT: Final = 1
COST: Final = 1 << 17
"""Of scrypt with r = 8: 128 MiB of memory and about half a second."""
COST_MAX: Final = 1 << 20
PIECE_BYTES: Final = 1 << 18
_TAG_BYTES: Final = 16
_HEAD_BYTES_MAX: Final = 1 << 16
_SALT_BYTES: Final = 16
_KEY_BYTES: Final = 32
_BLOCK: Final = 8
_NUMBER_BYTES: Final = 11
_LENGTH_BYTES: Final = 4


class BackupBroken(ValueError):
    """The file is no backup, was changed or cut, or the passphrase is another one."""


class Facts(Struct, frozen=True, kw_only=True):
    """What stands in clear at the beginning of a file. ``made_at``: ms since the epoch."""

    program: str
    revision: str
    database: str
    made_at: int


class _Head(Struct, frozen=True, kw_only=True):
    format: int
    cost: int
    salt: bytes
    facts: Facts


class SealedWriter:
    """Writes a stream; only after :meth:`close` is it a whole one."""

    def __init__(self, file: BinaryIO, passphrase: str, facts: Facts, *, cost: int = COST) -> None:
        salt = os.urandom(_SALT_BYTES)
        head = msgspec.json.encode(_Head(format=FORMAT, cost=cost, salt=salt, facts=facts))
        self._file: Final = file
        self._bound: Final = head
        self._cipher: Final = AESGCM(_derive(passphrase, salt, cost))
        self._waiting = bytearray()
        self._number = 0
        file.write(MAGIC + len(head).to_bytes(_LENGTH_BYTES, "big") + head)

    def write(self, data: bytes) -> None:
        """Add bytes."""
        self._waiting += data
        while len(self._waiting) > PIECE_BYTES:  # the last piece is written by close
            self._seal(bytes(self._waiting[:PIECE_BYTES]), last=False)
            del self._waiting[:PIECE_BYTES]

    def close(self) -> None:
        """Write the end."""
        self._seal(bytes(self._waiting), last=True)
        self._waiting.clear()

    def _seal(self, piece: bytes, *, last: bool) -> None:
        sealed = self._cipher.encrypt(_nonce(self._number, last=last), piece, self._bound)
        self._number += 1
        self._file.write(len(sealed).to_bytes(_LENGTH_BYTES, "big") + sealed)


class SealedReader:
    """Reads a stream; raises :class:`BackupBroken` as soon as something is not as it was written.

    What :meth:`read` returned is genuine and may still lack its end: :meth:`finish` proves it.
    """

    def __init__(self, file: BinaryIO) -> None:
        """Read the head; nothing of it is proven before :meth:`unlock`."""
        self._file: Final = file
        if file.read(len(MAGIC)) != MAGIC:
            raise BackupBroken("the file is no backup of a node")
        self._bound: Final = self._exactly(self._length(_HEAD_BYTES_MAX))
        try:
            self._head: Final = msgspec.json.decode(self._bound, type=_Head)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise BackupBroken("the file is no backup of a node") from None
        cost = self._head.cost
        if self._head.format != FORMAT:
            raise BackupBroken("the file is a backup in a form that this version does not know")
        if not 1 < cost <= COST_MAX or cost & (cost - 1):
            raise BackupBroken("the file asks for too much work")
        self._cipher: AESGCM | None = None
        self._left = bytearray()
        self._number = 0
        self._ended = False

    @property
    def facts(self) -> Facts:
        """What stands in clear."""
        return self._head.facts

    def unlock(self, passphrase: str) -> None:
        """Take the passphrase and open the first piece with it."""
        self._cipher = AESGCM(_derive(passphrase, self._head.salt, self._head.cost))
        self._open()

    def read(self, size: int) -> bytes:
        """Exactly so many bytes."""
        while len(self._left) < size:
            if self._ended:
                raise BackupBroken("the backup ends too early")
            self._open()
        taken = bytes(self._left[:size])
        del self._left[:size]
        return taken

    def finish(self) -> None:
        """Make sure that this is the end, and the whole."""
        while not self._ended:
            self._open()
        if self._left or self._file.read(1):
            raise BackupBroken("there is more in the file than its end says")

    def _open(self) -> None:
        assert self._cipher is not None, "unlocked"
        sealed = self._exactly(self._length(PIECE_BYTES + _TAG_BYTES))
        for last in (False, True):
            try:
                nonce = _nonce(self._number, last=last)
                self._left += self._cipher.decrypt(nonce, sealed, self._bound)
            except (InvalidTag, ValueError):
                continue
            self._ended = last
            self._number += 1
            return
        if self._number:
            raise BackupBroken("the file was changed or cut")
        raise BackupBroken("the passphrase is another one, or the file was changed")

    def _length(self, most: int) -> int:
        length = int.from_bytes(self._exactly(_LENGTH_BYTES), "big")
        if not 0 < length <= most:
            raise BackupBroken("the file was changed or cut")
        return length

    def _exactly(self, size: int) -> bytes:
        data = self._file.read(size)
        if len(data) != size:
            raise BackupBroken("the file was cut")
        return data


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(_NUMBER_BYTES, "big") + bytes([last])


def _derive(passphrase: str, salt: bytes, cost: int) -> bytes:
    return Scrypt(salt, _KEY_BYTES, cost, _BLOCK, 1).derive(passphrase.encode())
