"""The wallet's twelve words where they lie: made once, sealed with the node's key (NUT-13).

Whoever has them can bring the wallet's ecash back from its mints, without this database and
without the node's key. They are never logged; the operator asks for them (``routstr wallet seed``).
"""

import hmac
from typing import Final

from sqlalchemy import Connection, select
from sqlmodel import col

from routstr.core.db import Database, Tx, node_values
from routstr.core.db.node_values import NodeValue
from routstr.core.node_key import NodeKey
from routstr.wallet.secrets import new_words, seed_from_words

_SEED: Final = "wallet_seed"
_SHOWN: Final = "wallet_seed_shown"


class OtherSeed(ValueError):
    """The database belongs to a wallet with other words."""


async def load_seed(db: Database, key: NodeKey) -> bytes:
    """Return the wallet's seed of 64 bytes; its words are made and stored on first use."""
    fresh = key.seal(_SEED, new_words().encode())
    sealed = await db.write(lambda tx: node_values.remember(tx, _SEED, fresh))
    return seed_from_words(key.open(_SEED, sealed).decode())


def stored_words(tx: Tx, key: NodeKey) -> str | None:
    """Return the wallet's words; None while it has none."""
    return read_words(tx.sql, key)


def read_words(connection: Connection, key: NodeKey) -> str | None:
    """The same on any connection. Raises ``SealBroken`` when this key did not seal them."""
    sealed = node_values.look_up(connection, _SEED)
    return None if sealed is None else key.open(_SEED, sealed).decode()


def adopt_words(tx: Tx, key: NodeKey, words: str) -> bytes:
    """Make these words the wallet's, unless they are already, and return its seed.

    Raises ValueError when they are no such words, :class:`OtherSeed` when there are others.
    """
    seed = seed_from_words(words)
    sealed = key.seal(_SEED, " ".join(words.lower().split()).encode())
    stored = key.open(_SEED, node_values.remember(tx, _SEED, sealed)).decode()
    if not hmac.compare_digest(seed_from_words(stored), seed):
        raise OtherSeed("this database belongs to a wallet with other words")
    return seed


def were_shown(tx: Tx) -> bool:
    """Say whether the operator has seen the words, or brought them along."""
    return node_values.recall(tx, _SHOWN) is not None


def shown_at(connection: Connection) -> int | None:
    """When the words were shown first, in ms since 1970; None: never."""
    row = connection.execute(
        select(col(NodeValue.value)).where(col(NodeValue.name) == _SHOWN)
    ).first()
    return None if row is None else int(bytes(row[0]))


def note_shown(tx: Tx, at: int) -> None:
    """Remember when the words were shown first (ms since the epoch)."""
    node_values.remember(tx, _SHOWN, str(at).encode())
