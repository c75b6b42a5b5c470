"""Taking over keys: each by itself, once, out of what is the operator's own.

A key goes on working because its text is known: this node stores its own keyed hash of it. What
stands on it becomes this node's debt, so it has to be covered: nothing is credited that the
operator's own ecash here does not back.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from msgspec import Struct
from sqlalchemy import select
from sqlmodel import col

from routstr.auth import child_repository, keys, repository
from routstr.auth.child_repository import NewChild
from routstr.auth.custody import Custody
from routstr.auth.models import ChildKey
from routstr.auth.terms import RESETS, KeyTerms, check_address
from routstr.cli.importing.source import OldKey
from routstr.core.clock import Clock
from routstr.core.db import Database, Tx
from routstr.core.node_key import NodeKey
from routstr.errors import IdempotencyMismatch, InvalidParameter
from routstr.ledger.key_limits import open_limit
from routstr.money import Msat, Unit

NOTE: Final = "imported"
_MS: Final = 1_000


class Fate(StrEnum):
    """What became of a key."""

    TAKEN = "taken over"
    KNOWN = "taken over before"
    CHANGED = "taken over before, and its balance there is another one since"
    ORPHAN = "left out: its parent is not there"
    SPENT = "left out: its limit is used up"


class Taken(Struct, frozen=True):
    """A key of this node. ``balance`` in msat is what was, or would be, credited."""

    id: str
    fate: Fate
    balance: int


class Taking:
    """Takes keys over into this node's database."""

    def __init__(self, db: Database, node: NodeKey, clock: Clock, mint: str) -> None:
        """``mint`` is where refunds of these keys go first."""
        self._db: Final = db
        self._node: Final = node
        self._clock: Final = clock
        self._mint: Final = mint
        self._custody: Final = Custody(db, node, clock)

    async def known(self, old: OldKey) -> bool:
        """Whether the key was taken over before."""
        key_hash = keys.identify(self._node, old.key).key_hash
        if old.parent:
            mine = select(col(ChildKey.id)).where(col(ChildKey.key_hash) == key_hash)
            return await self._db.read(lambda c: c.execute(mine).first()) is not None
        return await self._db.read(lambda c: repository.account_of(c, key_hash)) is not None

    def id_of(self, old: OldKey) -> str:
        """What this node calls a key."""
        return keys.identify(self._node, old.key).public_id

    async def take(self, old: OldKey, every: Sequence[OldKey]) -> Taken:
        """Take one over; ``every`` has its parent. Raises ``SurplusTooSmall``."""
        return await (self._child(old, every) if old.parent else self._own(old))

    async def _own(self, old: OldKey) -> Taken:
        public_id, known = self.id_of(old), await self.known(old)
        terms = self._terms(old)
        try:
            await self._custody.take_over(
                old.key, Msat(old.balance), self._mint, Unit.SAT, terms, NOTE
            )
        except IdempotencyMismatch:
            return Taken(public_id, Fate.CHANGED, 0)
        return (
            Taken(public_id, Fate.KNOWN, 0) if known else Taken(public_id, Fate.TAKEN, old.balance)
        )

    async def _child(self, old: OldKey, every: Sequence[OldKey]) -> Taken:
        public_id = self.id_of(old)
        if await self.known(old):
            return Taken(public_id, Fate.KNOWN, 0)
        parent = next((one for one in every if one.secret == old.parent and not one.parent), None)
        if parent is None:
            return Taken(public_id, Fate.ORPHAN, 0)
        if left_of(old) == 0:
            return Taken(public_id, Fate.SPENT, 0)
        parent_hash = keys.identify(self._node, parent.key).key_hash
        added = await self._db.write(lambda tx: self._add_child(tx, old, parent_hash))
        return Taken(public_id, Fate.TAKEN if added else Fate.ORPHAN, 0)

    def _add_child(self, tx: Tx, old: OldKey, parent_hash: bytes) -> bool:
        parent, at = repository.lock(tx, parent_hash), self._clock.now_ms()
        if parent is None:
            return False
        identity = keys.identify(self._node, old.key)
        cap, terms = left_of(old), self._terms(old)
        child = NewChild(
            parent=parent.id,
            number=child_repository.next_number(tx, parent.id),
            limit=open_limit(
                tx, parent.account, None if cap is None else Msat(cap), terms.reset, at
            ),
            key_hash=identity.key_hash,
            public_id=identity.public_id,
            name=None,
            metadata="{}",
            created_at=at,
            expires_at=terms.expires_at,
        )
        child_repository.add(tx, child, None)
        return True

    def _terms(self, old: OldKey) -> KeyTerms:
        """What can be said of the key here; an address that cannot be paid is left out."""
        cap = left_of(old)
        address = old.refund_address
        try:
            check_address(address)
        except InvalidParameter:
            address = None
        return KeyTerms(
            expires_at=None if old.expires_at is None else old.expires_at * _MS,
            balance_limit=None if cap is None else Msat(max(1, cap)),
            balance_limit_reset=old.reset if cap is not None and old.reset in RESETS else None,
            refund_address=address,
        )


def left_of(old: OldKey) -> int | None:
    """What a key may still spend, in msat; None: there is no limit. A period begins anew."""
    if old.limit is None:
        return None
    return max(0, old.limit if old.reset in RESETS else old.limit - old.spent)
