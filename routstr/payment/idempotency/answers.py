"""What is kept of a call, and how it is sealed.

An answer can hold a bearer token or an API key, so it is sealed with the node's key. The sealed
text names its record: put into another row it opens no more.
"""

from typing import Final

import msgspec
from msgspec import Struct

from routstr.core.node_key import NodeKey, SealBroken

_PURPOSE: Final = "idempotency-answer"


class Answer(Struct, frozen=True):
    """A response as it was given; header names are in lower case."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def __repr__(self) -> str:
        return f"Answer({self.status}, {len(self.body)} bytes)"


class Paid(Struct, frozen=True):
    """The receipt of a paid request. ``status`` is None when nobody knows what the client got."""

    request_id: str
    model: str
    input_tokens: int
    output_tokens: int
    cost_msats: int
    status: int | None


class Kept(Struct, frozen=True):
    """What is told to whoever repeats a call: the receipt of a paid one, and its answer if kept."""

    answer: Answer | None = None
    paid: Paid | None = None


class _Sealed(Struct, frozen=True):
    scope: bytes
    kept: Kept


def seal(node: NodeKey, scope: bytes, kept: Kept) -> bytes:
    """Make what is stored of it."""
    return node.seal(_PURPOSE, msgspec.msgpack.encode(_Sealed(scope, kept)))


def unseal(node: NodeKey, scope: bytes, sealed: bytes) -> Kept:
    """Read what was stored; ``SealBroken`` when it is not this record's."""
    found = msgspec.msgpack.decode(node.open(_PURPOSE, sealed), type=_Sealed)
    if found.scope != scope:
        raise SealBroken("a sealed answer belongs to another record")
    return found.kept
