"""Child keys: they spend their parent's account, each inside a limit of its own.

Keys are derived from their parent and their number, and never stored; what is shown later is their
public id. They are made and paid for in one transaction. A call that names itself (``operation``)
makes them once, and its repeat tells the same keys.
"""

from collections.abc import Callable
from typing import Final

from msgspec import Struct
from sqlalchemy import Connection

from routstr.auth import child_repository, keys, repository
from routstr.auth.child_repository import ChildRecord, NewChild
from routstr.auth.repository import KeyRecord
from routstr.auth.service import Payer
from routstr.auth.terms import KeyTerms, check_terms
from routstr.core.clock import Clock
from routstr.core.db import Database, Tx
from routstr.core.node_key import NodeKey
from routstr.errors import (
    AuthError,
    ChildKeyNotAllowed,
    ChildKeyNotFound,
    ForeignChildKey,
    InvalidParameter,
)
from routstr.ledger.accounts import Entry, named_account, post
from routstr.ledger.entries import AccountKind, TransferKind
from routstr.ledger.key_limits import LimitState, forgive, open_limit, read_limits, renew
from routstr.money import Msat

CHILDREN_MAX: Final = 50


class Child(Struct, frozen=True):
    """A child key as its parent sees it."""

    record: ChildRecord
    limit: LimitState


class Children:
    """Makes, lists, resets and revokes child keys; ``cost`` is the price of one."""

    def __init__(self, db: Database, node: NodeKey, clock: Clock, cost: Msat) -> None:
        self._db = db
        self._node = node
        self._clock = clock
        self.cost: Final = cost

    async def create(
        self, parent: Payer, count: int, terms: KeyTerms, operation: bytes | None = None
    ) -> list[str]:
        """Make ``count`` child keys on these terms and return them, in their order.

        Raises ChildKeyNotAllowed, InvalidParameter, or InsufficientBalance when the parent cannot
        pay for them: then none was made.
        """
        if parent.is_child:
            raise ChildKeyNotAllowed("A child key cannot have child keys.")
        if not 1 <= count <= CHILDREN_MAX:
            raise InvalidParameter(
                f"count is a whole number from 1 to {CHILDREN_MAX}.", details={"param": "count"}
            )
        at = self._clock.now_ms()
        check_terms(terms, at)
        parent_hash = keys.identify(self._node, parent.key).key_hash

        def make(tx: Tx) -> list[str]:
            record = repository.lock(tx, parent_hash)
            if record is None:  # rotated just now
                raise AuthError
            numbers = child_repository.made_by(tx, record.id, operation)
            if not numbers:
                first = child_repository.next_number(tx, record.id)
                numbers = list(range(first, first + count))
                made = [self._new(tx, record, parent_hash, one, terms, at) for one in numbers]
                ids = [child_repository.add(tx, one, operation) for one in made]
                _charge(tx, record.account, self.cost * count, ids[0], at)
            return [keys.from_parent(self._node, parent_hash, one).key for one in numbers]

        return await self._db.write(make)

    async def of(self, parent: KeyRecord) -> list[Child]:
        """List the child keys of a key that were not revoked, the oldest first."""
        at = self._clock.now_ms()

        def read(connection: Connection) -> list[Child]:
            records = child_repository.of_parent(connection, parent.id)
            limits = read_limits(connection, [one.limit for one in records], at)
            return [Child(one, limits[one.limit]) for one in records]

        return await self._db.read(read)

    async def reset(self, parent: Payer, child: str) -> None:
        """Let a child's period begin anew; ``child`` is the key or its public id.

        Raises ChildKeyNotFound, or ForeignChildKey for one that another key made.
        """
        await self._change(parent, child, lambda tx, record: forgive(tx, record.limit))

    async def revoke(self, parent: Payer, child: str) -> None:
        """End a child key, at once and for good; a request that it has begun is still paid.

        Raises ChildKeyNotFound, or ForeignChildKey for one that another key made.
        """
        at = self._clock.now_ms()

        def end(tx: Tx, record: ChildRecord) -> None:
            child_repository.change(tx, record.id, {"revoked_at": at})
            renew(tx, parent.account)

        await self._change(parent, child, end)

    async def _change(
        self, parent: Payer, child: str, change: Callable[[Tx, ChildRecord], None]
    ) -> None:
        parent_hash = keys.identify(self._node, parent.key).key_hash
        child_hash = keys.identify(self._node, child).key_hash

        def write(tx: Tx) -> None:
            owner = repository.lock(tx, parent_hash)  # whoever ends the child key holds it, too
            record = child_repository.find(tx.sql, key_hash=child_hash, public_id=child)
            if record is None:
                raise ChildKeyNotFound
            if owner is None or owner.id != record.parent:
                raise ForeignChildKey
            change(tx, record)

        await self._db.write(write)

    def _new(
        self, tx: Tx, parent: KeyRecord, parent_hash: bytes, number: int, terms: KeyTerms, at: int
    ) -> NewChild:
        identity = keys.from_parent(self._node, parent_hash, number)
        return NewChild(
            parent=parent.id,
            number=number,
            limit=open_limit(tx, parent.account, terms.balance_limit, terms.reset, at),
            key_hash=identity.key_hash,
            public_id=identity.public_id,
            name=terms.name,
            metadata=terms.metadata,
            created_at=at,
            expires_at=terms.expires_at,
        )


def _charge(tx: Tx, account: int, cost: Msat, first: int, at: int) -> None:
    """Take what child keys cost; the first of them names the transfer."""
    if not cost:
        return
    post(
        tx,
        Entry(
            debit=account,
            credit=named_account(tx, AccountKind.REVENUE, AccountKind.REVENUE.name.lower(), at),
            amount=cost,
            kind=TransferKind.CHILD_KEYS,
            key=b"N" + first.to_bytes(8, "big"),
            reference=first,
            at=at,
        ),
    )
