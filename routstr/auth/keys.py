"""Deriving keys, and telling them apart without storing them.

A key is ``sk-`` and 64 hex digits: an HMAC, with a key only the node has, over what paid for it.
The same proofs, however they are encoded, give the same key; ``generation`` makes another one.
"""

import re
from typing import Final

from msgspec import Struct

from routstr.core.node_key import NodeKey

PREFIX: Final = "sk-"
_TOKEN: Final = re.compile(r"(?:cashu:(?://)?)?cashu[AB]", re.IGNORECASE)


class Identity(Struct, frozen=True):
    """A key and what the database knows of it."""

    key: str
    key_hash: bytes
    public_id: str

    def __repr__(self) -> str:
        return f"Identity({self.public_id})"


def from_proofs(node: NodeKey, ys: tuple[bytes, ...], *, generation: int = 0) -> Identity:
    """Derive the key that these proofs pay for."""
    mac = node.mac("api-key", b"proofs", generation.to_bytes(4, "big"), *sorted(ys))
    return identify(node, PREFIX + mac.hex())


def from_parent(node: NodeKey, parent_hash: bytes, number: int, *, generation: int = 0) -> Identity:
    """Derive a child key: which of its parent's, as that was when the child was made."""
    parts = (b"parent", generation.to_bytes(4, "big"), parent_hash, number.to_bytes(4, "big"))
    return identify(node, PREFIX + node.mac("api-key", *parts).hex())


def rotated(node: NodeKey, key_hash: bytes) -> Identity:
    """Derive the key that takes another's place. The account keeps its first public id."""
    return identify(node, PREFIX + node.mac("api-key", b"rotated", key_hash).hex())


def from_invoice(node: NodeKey, invoice_id: str, *, generation: int = 0) -> Identity:
    """Derive the key that a paid invoice makes, from the id that only its creator was told."""
    parts = (b"invoice", generation.to_bytes(4, "big"), invoice_id.encode())
    return identify(node, PREFIX + node.mac("api-key", *parts).hex())


def from_operator(node: NodeKey, call: str, *, generation: int = 0) -> Identity:
    """Derive the key that the operator makes by hand, from the name of the call."""
    parts = (b"operator", generation.to_bytes(4, "big"), call.encode())
    return identify(node, PREFIX + node.mac("api-key", *parts).hex())


def identify(node: NodeKey, key: str) -> Identity:
    """Compute the stored hash and the public id of a key."""
    key_hash = node.mac("api-key-hash", key.encode())
    return Identity(key, key_hash, f"key_{node.mac('api-key-id', key_hash).hex()[:16]}")


def is_token(credential: str) -> bool:
    """Tell whether a credential is a Cashu token."""
    return _TOKEN.match(credential) is not None


def bearer(authorization: str | None) -> str:
    """Return the credential of an ``Authorization`` header, or the empty string."""
    scheme, _, credential = (authorization or "").strip().partition(" ")
    return credential.strip() if scheme.lower() == "bearer" else ""
