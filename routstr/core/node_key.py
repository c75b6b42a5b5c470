"""The node's own key: 32 random bytes from which every other key is derived.

It comes from ``ROUTSTR_SECRET_KEY`` or from a file that is created once. Losing it makes stored
secrets unreadable and every API key unknown; the database keeps :meth:`NodeKey.fingerprint` to
notice a wrong one at the start.
"""

import hmac
import os
import secrets
from pathlib import Path
from typing import Final, NoReturn, final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from routstr.core.settings import Settings

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
_LENGTH_BYTES: Final = 8
_DOMAIN: Final = b"routstr/v1/"
_OTHERS_OR_GROUP_WRITE: Final = 0o027


class NodeKeyError(ValueError):
    """The node's key is missing, broken, or open to others; the message says how to mend it."""


class SealBroken(ValueError):
    """The sealed bytes were changed, cut, or sealed with another key or for another purpose."""


@final
class NodeKey:
    """Derives, signs and seals; never shows the key. Each purpose has a key of its own."""

    __slots__ = ("__key", "__subkeys", "path")

    def __init__(self, key: bytes, path: Path | None = None) -> None:
        """Take the 32 raw bytes, and the file that they came from."""
        if len(key) != KEY_BYTES:
            raise NodeKeyError(f"the node's key has {len(key)} bytes, want {KEY_BYTES}")
        self.__key = key
        self.__subkeys: dict[str, bytes] = {}
        self.path = path

    def derive(self, purpose: str) -> bytes:
        """The 32-byte subkey of a purpose (HKDF-SHA256, RFC 5869)."""
        subkey = self.__subkeys.get(purpose)
        if subkey is None:
            kdf = HKDF(SHA256(), KEY_BYTES, salt=None, info=_DOMAIN + purpose.encode())
            subkey = self.__subkeys[purpose] = kdf.derive(self.__key)
        return subkey

    def mac(self, purpose: str, *parts: bytes) -> bytes:
        """HMAC-SHA256 over the parts, each with its length in front, so that no two lists agree."""
        message = b"".join(len(part).to_bytes(_LENGTH_BYTES, "big") + part for part in parts)
        return hmac.digest(self.derive(purpose), message, "sha256")

    def seal(self, purpose: str, clear: bytes) -> bytes:
        """Encrypt with AES-256-GCM: 12 random bytes, ciphertext, 16 bytes tag."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + AESGCM(self.derive(purpose)).encrypt(nonce, clear, purpose.encode())

    def open(self, purpose: str, sealed: bytes) -> bytes:
        """Undo :meth:`seal`; :class:`SealBroken` when this key and purpose did not make it."""
        nonce, ciphertext = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        try:
            return AESGCM(self.derive(purpose)).decrypt(nonce, ciphertext, purpose.encode())
        except (InvalidTag, ValueError):
            raise SealBroken(f"sealed {purpose} cannot be opened with this node's key") from None

    def fingerprint(self) -> str:
        """32 hex digits that tell two keys apart and reveal neither; safe to store and to show."""
        return self.mac("fingerprint").hex()[:32]

    def __repr__(self) -> str:
        return f"NodeKey({self.fingerprint()})"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("the node's key cannot be pickled")


def load_node_key(settings: Settings) -> NodeKey:
    """The key from the environment, else from its file, which is created when it is missing.

    ``NodeKey.path`` names the file (None: from the environment). Raises :class:`NodeKeyError`.
    """
    if settings.routstr_secret_key:
        return NodeKey(_parse(settings.routstr_secret_key.reveal(), "ROUTSTR_SECRET_KEY"))
    path = settings.routstr_secret_key_file
    try:
        if not path.exists():
            _create(path)
        _refuse_open_file(path)
        text = path.read_text("ascii", "replace")
    except OSError as error:
        raise NodeKeyError(
            f"secret key file {path} cannot be used: {error.strerror or error}. "
            "Set ROUTSTR_SECRET_KEY_FILE to a path that this process can read and write."
        ) from error
    return NodeKey(_parse(text, f"secret key file {path}"), path)


def _create(path: Path) -> None:
    """Write a new key under another name, then link it: the file is whole from its first moment.

    A link never replaces, so of several processes that start at once exactly one wins.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            return
    finally:
        draft.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _refuse_open_file(path: Path) -> None:
    mode = path.stat().st_mode & 0o777
    if os.name == "posix" and mode & _OTHERS_OR_GROUP_WRITE:
        raise NodeKeyError(
            f"secret key file {path} is open to others (mode {mode:04o}). Run: chmod 600 {path}"
        )


def _parse(text: str, source: str) -> bytes:
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise NodeKeyError(
            f"{source} does not hold a key of 64 hexadecimal digits. Put the right key back: "
            "without it stored secrets and API keys of this database are lost."
        )
    return key
