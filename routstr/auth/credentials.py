"""What a call comes with, as one value: whoever has it may ask again what the call answered."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from routstr.auth import keys
from routstr.core.node_key import NodeKey
from routstr.errors import WalletError
from routstr.wallet import token

Knows: TypeAlias = Callable[[str | None], Awaitable[bool]]
"""Says whether what ``Authorization`` brings names a key."""
_KEY: Final = b"key\0"
_TOKEN: Final = b"token\0"


def credential_of(
    node: NodeKey, *, authorization: str | None, x_cashu: str | None = None, given: str = ""
) -> bytes:
    """Name the credential of a call; empty when it has none.

    In this order: the token of ``X-Cashu``, the key or token of ``Authorization``, and ``given``, a
    token that is the payment itself. A token counts by its proofs, however it is written, and as
    a bearer it is the same as the key that it made first. What is no token counts as it is written.
    """
    if x_cashu:
        return _TOKEN + _proofs(x_cashu)
    if bearer := keys.bearer(authorization):
        if not keys.is_token(bearer):
            return _KEY + bearer.encode()
        try:
            ys = token.ys(token.decode(bearer))
        except WalletError:
            return _TOKEN + bearer.encode()
        return _KEY + keys.from_proofs(node, ys).key.encode()
    return _TOKEN + _proofs(given) if given else b""


async def may_hear(knows: Knows, *, authorization: str | None, x_cashu: str | None) -> bool:
    """Say whether who brings this may still be told what an earlier call answered.

    Whoever has a key that was rotated or revoked may not: it is as unknown as any other.
    """
    return bool(x_cashu) or not keys.bearer(authorization) or await knows(authorization)


async def is_stranger(knows: Knows, *, authorization: str | None, x_cashu: str | None) -> bool:
    """Say whether this brings a key that nobody has. A token may be new, and is none yet."""
    bearer = keys.bearer(authorization)
    if x_cashu or not bearer or keys.is_token(bearer):
        return False
    return not await knows(authorization)


def _proofs(text: str) -> bytes:
    try:
        return b"".join(sorted(token.ys(token.decode(text))))
    except WalletError:
        return text.encode()
