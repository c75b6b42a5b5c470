"""What the holder of a key changes about it: its name, when it expires, the key itself."""

from msgspec import UNSET, Struct, UnsetType

from routstr.auth import child_repository, keys, repository
from routstr.auth.service import Payer
from routstr.auth.terms import KeyTerms, check_address, check_name, check_terms
from routstr.core.clock import Clock
from routstr.core.db import Database, Tx
from routstr.core.node_key import NodeKey
from routstr.errors import AuthError, ChildKeyNotAllowed
from routstr.ledger.key_limits import renew


class Changes(Struct, frozen=True):
    """What is to be changed; None takes it away, UNSET leaves it as it is.

    ``expires_at`` is ms since the epoch, ``metadata`` a JSON object as text.
    """

    name: str | UnsetType | None = UNSET
    metadata: str | UnsetType = UNSET
    expires_at: int | UnsetType | None = UNSET
    refund_address: str | UnsetType | None = UNSET


class Profiles:
    """Changes keys. Money is never moved here."""

    def __init__(self, db: Database, node: NodeKey, clock: Clock) -> None:
        self._db = db
        self._node = node
        self._clock = clock

    async def change(self, payer: Payer, changes: Changes) -> None:
        """Change a key; effective at once, on every instance.

        Raises InvalidParameter for what no key can have, and ChildKeyNotAllowed for what a child
        key leaves to its parent: when it expires, where refunds go.
        """
        values = self._values(changes)
        if payer.is_child and values.keys() - {"name", "key_metadata"}:
            raise ChildKeyNotAllowed(
                "A child key cannot change when it expires or where refunds go."
            )
        key_hash = keys.identify(self._node, payer.key).key_hash

        def write(tx: Tx) -> None:
            if payer.is_child:
                _change_child(tx, key_hash, payer.key_id, values)
                return
            record = repository.lock(tx, key_hash)
            if record is None:  # rotated just now
                raise AuthError
            repository.change(tx, record.id, values)
            if "expires_at" in values:
                renew(tx, record.account)  # its child keys expire with it

        if values:
            await self._db.write(write)

    async def rotate(self, key: str, operation: bytes | None = None) -> str:
        """Give a key's account another key, and return it; the old one is unknown from then on.

        ``operation`` names the call: its repeat, with the old key, tells the same new one. Raises
        AuthError for an unknown key, and ChildKeyNotAllowed for a child key.
        """
        old = keys.identify(self._node, key)

        def write(tx: Tx) -> str:
            new = keys.rotated(self._node, old.key_hash)
            record = repository.lock(tx, old.key_hash)
            if record is not None:
                repository.rotate(tx, record.id, new.key_hash, operation)
                renew(tx, record.account)
            elif repository.find(tx.sql, old.key_hash) is not None:
                raise ChildKeyNotAllowed("A child key cannot be rotated; its parent can revoke it.")
            elif not repository.was_rotated_by(tx.sql, new.key_hash, operation):
                raise AuthError
            return new.key

        return await self._db.write(write)

    def _values(self, changes: Changes) -> dict[str, str | int | None]:
        values: dict[str, str | int | None] = {}
        if changes.name is not UNSET:
            check_name(changes.name)
            values["name"] = changes.name
        if changes.metadata is not UNSET:
            values["key_metadata"] = changes.metadata
        if changes.expires_at is not UNSET:
            check_terms(KeyTerms(expires_at=changes.expires_at), self._clock.now_ms())
            values["expires_at"] = changes.expires_at
        if changes.refund_address is not UNSET:
            check_address(changes.refund_address)
            values["refund_address"] = changes.refund_address
        return values


def _change_child(
    tx: Tx, key_hash: bytes, public_id: str, values: dict[str, str | int | None]
) -> None:
    record = child_repository.find(tx.sql, key_hash=key_hash, public_id=public_id)
    if record is None:  # revoked just now
        raise AuthError
    child_repository.change(tx, record.id, values)
