"""What the operator changes about keys, by their public ids: nobody else's keys are known here.

A revoked key is unknown to everybody who comes with it, and so are its child keys; requests under
way are still charged. Its account stays, and what is on it is owed as before: the operator gives
it out. Money that arrives late is credited to it all the same.
"""

from typing import Final

from msgspec import UNSET, Struct, UnsetType
from sqlalchemy import select, update
from sqlmodel import col

from routstr.auth import keys, repository
from routstr.auth.keys import Identity
from routstr.auth.models import ApiKey, ChildKey
from routstr.auth.opening import open_key
from routstr.auth.terms import KeyTerms, check_name, check_terms
from routstr.core.clock import Clock
from routstr.core.db import Database, Tx
from routstr.core.node_key import NodeKey
from routstr.errors import ChildKeyNotAllowed, IdempotencyMismatch, InvalidParameter, NoSuchKey
from routstr.ledger.key_limits import open_limit, renew, set_cap
from routstr.ledger.limits import Reset
from routstr.money import Msat, Unit
from routstr.payment.grants import grant, has_credited

NOTE_CHARS_MAX: Final = 200


class Rules(Struct, frozen=True):
    """What is to be changed; None takes it away, UNSET leaves it as it is.

    ``expires_at`` is ms since the epoch and may be past: then the key has expired. ``cap`` and
    ``reset`` come together.
    """

    name: str | UnsetType | None = UNSET
    note: str | UnsetType | None = UNSET
    expires_at: int | UnsetType | None = UNSET
    cap: Msat | UnsetType | None = UNSET
    reset: Reset = Reset.NEVER


class Made(Struct, frozen=True):
    """A key that was made by hand. ``key`` is the secret."""

    key: str
    public_id: str

    def __repr__(self) -> str:
        return f"Made({self.public_id})"


class _Target(Struct, frozen=True):
    """A key or a child key, locked."""

    id: int
    account: int
    limit: int | None
    is_child: bool


class Custody:
    """Changes keys without having them. Each change counts from the next request on."""

    def __init__(self, db: Database, node: NodeKey, clock: Clock) -> None:
        self._db = db
        self._node = node
        self._clock = clock

    async def change(self, public_id: str, rules: Rules) -> None:
        """Change a key or a child key; raises NoSuchKey, InvalidParameter.

        A child key has no note. What was spent in the current period counts on under a new limit.
        """
        at = self._clock.now_ms()
        values = _values(rules, at)

        def write(tx: Tx) -> None:
            target = _lock(tx, public_id)
            if target.is_child and "note" in values:
                raise ChildKeyNotAllowed("A child key has no note: its parent can have one.")
            if not isinstance(rules.cap, UnsetType):
                _limit(tx, target, rules.cap, rules.reset, at)
            _write(tx, target, values)
            renew(tx, target.account)

        await self._db.write(write)

    async def expire(self, public_id: str) -> None:
        """Let a key expire now; what is on it stays refundable by its holder."""
        await self.change(public_id, Rules(expires_at=self._clock.now_ms()))

    async def revoke(self, public_id: str) -> None:
        """End a key, or a child key, for good. Again it changes nothing. Raises NoSuchKey."""
        at = self._clock.now_ms()

        def write(tx: Tx) -> None:
            target = _lock(tx, public_id)
            table = ChildKey if target.is_child else ApiKey
            tx.sql.execute(
                update(table)
                .where(col(table.id).in_((target.id,)), col(table.revoked_at).is_(None))
                .values(revoked_at=at)
            )
            renew(tx, target.account)

        await self._db.write(write)

    async def make(
        self, name: str, amount: Msat, mint: str, unit: Unit, terms: KeyTerms, note: str | None
    ) -> Made:
        """Make a key with a balance out of what is the operator's own; ``name`` names the call.

        Its repeat tells the same key. Raises InvalidParameter, SurplusTooSmall, DepositsClosed:
        then there is no key. ``mint`` and ``unit`` are where its refunds go first.
        """
        identity = keys.from_operator(self._node, name)
        check_terms(terms, self._clock.now_ms())
        await self._open(identity, f"key {name}", amount, mint, unit, terms, note)
        return Made(identity.key, identity.public_id)

    async def take_over(
        self, key: str, amount: Msat, mint: str, unit: Unit, terms: KeyTerms, note: str | None
    ) -> str:
        """Let a key of an older node work here, with its balance out of the operator's own.

        Returns its public id; its repeat changes nothing. It may have expired. Raises as
        :meth:`make`, and IdempotencyMismatch when it was taken over with another balance.
        """
        identity = keys.identify(self._node, key)
        name = f"imported {identity.public_id}"
        check_terms(terms, 0)
        await self._open(identity, name, amount or None, mint, unit, terms, note)
        return identity.public_id

    async def _open(
        self,
        identity: Identity,
        name: str,
        amount: Msat | None,
        mint: str,
        unit: Unit,
        terms: KeyTerms,
        note: str | None,
    ) -> None:
        """Open a key unless it is there, and credit it under this name; None: it is empty.

        One that is there without such a credit was empty: it stays so, with IdempotencyMismatch.
        """
        at = self._clock.now_ms()
        _check_note(note)

        def write(tx: Tx) -> None:
            account = repository.account_of(tx.sql, identity.key_hash)
            if account is None:
                account = open_key(
                    tx,
                    key_hash=identity.key_hash,
                    public_id=identity.public_id,
                    mint=mint,
                    unit=unit,
                    terms=terms,
                    at=at,
                    note=note,
                )
            elif amount is not None and not has_credited(tx, name):
                raise IdempotencyMismatch
            if amount is not None:
                grant(tx, account, amount, name, at)

        await self._db.write(write)

    async def credit(self, public_id: str, name: str, amount: Msat) -> bool:
        """Credit a key out of what is the operator's own; see :func:`grant`. Raises NoSuchKey."""
        at = self._clock.now_ms()

        def write(tx: Tx) -> bool:
            found = repository.accounts_of(tx.sql, public_id)
            if not found:
                raise NoSuchKey
            return grant(tx, found[0], amount, f"topup {name}", at)

        return await self._db.write(write)


def _values(rules: Rules, at: int) -> dict[str, str | int | None]:
    values: dict[str, str | int | None] = {}
    if not isinstance(rules.name, UnsetType):
        check_name(rules.name)
        values["name"] = rules.name
    if not isinstance(rules.note, UnsetType):
        _check_note(rules.note)
        values["note"] = rules.note
    if not isinstance(rules.expires_at, UnsetType):
        if rules.expires_at is not None and rules.expires_at > at:
            check_terms(KeyTerms(expires_at=rules.expires_at), at)
        values["expires_at"] = rules.expires_at
    if not isinstance(rules.cap, UnsetType):
        word = None if rules.reset is Reset.NEVER else rules.reset.name.lower()
        check_terms(KeyTerms(balance_limit=rules.cap, balance_limit_reset=word), at)
    return values


def _check_note(note: str | None) -> None:
    if note is not None and not (0 < len(note) <= NOTE_CHARS_MAX and note.isprintable()):
        told = f"note is 1 to {NOTE_CHARS_MAX} printable characters."
        raise InvalidParameter(told, details={"param": "note"})


def _lock(tx: Tx, public_id: str) -> _Target:
    """Find the key with this public id, revoked or not, and keep others from changing it."""
    own = tx.sql.execute(
        select(repository.ID, col(ApiKey.account), col(ApiKey.limit_id))
        .where(col(ApiKey.public_id) == public_id)
        .with_for_update()
    ).first()
    if own is not None:
        return _Target(own[0], own[1], own[2], is_child=False)
    child = tx.sql.execute(
        select(col(ChildKey.id), col(ApiKey.account), col(ChildKey.limit_id))
        .join(ApiKey, col(ChildKey.parent) == repository.ID)
        .where(col(ChildKey.public_id) == public_id)
        .with_for_update(of=ChildKey)
    ).first()
    if child is None:
        raise NoSuchKey
    return _Target(child[0] or 0, child[1], child[2], is_child=True)


def _limit(tx: Tx, target: _Target, cap: Msat | None, reset: Reset, at: int) -> None:
    if target.limit is not None:
        set_cap(tx, target.limit, cap, reset)
    elif cap is not None:
        limit = open_limit(tx, target.account, cap, reset, at)
        repository.change(tx, target.id, {"limit_id": limit})


def _write(tx: Tx, target: _Target, values: dict[str, str | int | None]) -> None:
    if not values:
        return
    if target.is_child:
        tx.sql.execute(update(ChildKey).where(col(ChildKey.id).in_((target.id,))).values(**values))
    else:
        repository.change(tx, target.id, values)
