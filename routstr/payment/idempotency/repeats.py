"""Calls that name themselves, from their beginning to their end.

A call has a *scope*, a digest of its key and of the credential that it came with, so that a key
means something only together with the credential; and a *request*, a digest of all that was asked,
so that a key means one request. Of many calls with one scope one is carried out; the others are
told what it answered, or that it is still running.

The record is durable before the work begins, and the work before its answer is kept. A crash
between the two leaves a record whose instance is dead. Whoever repeats the call carries it out
again under the same name, :attr:`Begun.operation`: work that would otherwise be done twice makes
its own idempotency key of that. For a paid request the books say whether it was charged.
"""

import asyncio
import secrets
from collections.abc import Callable
from typing import Final, assert_never

from routstr.core.clock import Clock
from routstr.core.db import Database, Tx
from routstr.core.logging import get_logger
from routstr.core.node_key import NodeKey
from routstr.errors import (
    DatabaseUnavailable,
    IdempotencyInProgress,
    IdempotencyMismatch,
    InvalidIdempotencyKey,
    OutcomeUnknown,
)
from routstr.ledger.entries import HoldState
from routstr.ledger.served import find_served
from routstr.payment.idempotency import repository
from routstr.payment.idempotency.answers import Kept, Paid, seal, unseal
from routstr.payment.idempotency.repository import (
    Answered,
    Attempt,
    Beginning,
    Begun,
    Conflict,
    Earlier,
    Wanted,
)

_log = get_logger(__name__)

KEY_CHARS_MAX: Final = 255
OPERATION_BYTES: Final = 32
NONCE_BYTES: Final = 16
END_SECONDS_MAX: Final = 2.0
"""How long an answer waits until it is kept; it is given in any case."""
_HOUR_MS: Final = 3_600_000
_RETRY: Final = {"Retry-After": "1"}
_VISIBLE: Final = frozenset(map(chr, range(0x21, 0x7F)))


def checked_key(value: str) -> str:
    """Return the key that a header names; ``InvalidIdempotencyKey`` when it is none.

    The IETF draft writes it as a quoted string; with and without quotes it is the same key.
    """
    key = value.strip()
    if len(key) > 1 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not 1 <= len(key) <= KEY_CHARS_MAX or not _VISIBLE.issuperset(key):
        raise InvalidIdempotencyKey
    return key


class Repeats:
    """Tells first calls from repeated ones, for one instance."""

    def __init__(
        self,
        db: Database,
        node: NodeKey,
        clock: Clock,
        instance: int,
        *,
        stale_seconds: float,
        keep_hours: int,
    ) -> None:
        """``stale_seconds``: silence after which another instance counts as dead."""
        self._db = db
        self._node = node
        self._clock = clock
        self._instance = instance
        self._stale_seconds = stale_seconds
        self._keep_ms = keep_hours * _HOUR_MS
        self._ends: dict[Attempt, Callable[[Tx], None]] = {}  # what is still to be written

    def scope(self, key: str, credential: bytes) -> bytes:
        """The digest under which a key of this credential is known."""
        return self._node.mac("idempotency-scope", credential, key.encode())

    def request(self, *parts: bytes) -> bytes:
        """The digest of all that was asked: method, path, query, body."""
        return self._node.mac("idempotency-request", *parts)

    async def has(self, scope: bytes) -> bool:
        """Whether a call was begun in this scope, and is not forgotten."""
        return await self._db.read(lambda c: repository.has(c, scope))

    async def begin(
        self, scope: bytes, request: bytes, *, paid_request: str | None = None
    ) -> Begun | Kept:
        """Begin a call, or return what was kept of it. Whoever begins it has to end it.

        ``paid_request``: the id of a request that is paid for; one that was charged in an earlier
        attempt is over. Raises :class:`IdempotencyInProgress` while the call runs, here or on
        another instance, and :class:`IdempotencyMismatch` when the key is another request's.
        """
        await self._write_ends(scope)
        attempt = Attempt(scope, secrets.token_bytes(NONCE_BYTES))
        try:
            found = await self._ask(attempt, request, paid_request)
            paid = None
            if isinstance(found, Begun) and found.earlier and paid_request:
                paid = await self._paid_earlier(found.earlier)
                if paid is None:
                    await self._db.write(lambda tx: repository.aim(tx, attempt, paid_request))
        except BaseException:
            self.abandon(attempt)  # whether or not it had begun
            raise
        match found:
            case Begun():
                if paid is not None:
                    await self.keep(found, Kept(paid=paid))
                    return Kept(paid=paid)
                return found
            case Answered():
                return unseal(self._node, scope, found.sealed)
            case Conflict.REUSED:
                raise IdempotencyMismatch
            case Conflict.RUNNING:
                raise IdempotencyInProgress(headers=_RETRY)
            case _ as never:
                assert_never(never)

    async def keep(self, begun: Begun, kept: Kept) -> None:
        """Remember what the call answered; before its client sees the end of it."""
        sealed = seal(self._node, begun.attempt.scope, kept)
        until = self._clock.now_ms() + self._keep_ms
        await self._end(begun.attempt, lambda tx: repository.keep(tx, begun.attempt, sealed, until))

    async def reopen(self, begun: Begun) -> None:
        """Leave the call unfinished: a repeat carries on with the same operation."""
        await self._end(begun.attempt, lambda tx: repository.reopen(tx, begun.attempt))

    async def forget(self, begun: Begun) -> None:
        """Free the key; only when certainly nothing was done."""
        await self._end(begun.attempt, lambda tx: repository.forget(tx, begun.attempt))

    def abandon(self, attempt: Attempt) -> None:
        """Reopen the call soon: for whoever cannot wait, because it failed or was cancelled."""
        self._ends[attempt] = lambda tx: repository.reopen(tx, attempt)

    async def tidy(self) -> int:
        """Write what could not be written, delete what has expired; return how many."""
        for attempt in list(self._ends):
            await self._write_end(attempt)
        at = self._clock.now_ms()
        return await self._db.write(lambda tx: repository.purge(tx, at))

    async def _ask(self, attempt: Attempt, request: bytes, paid: str | None) -> Beginning:
        at = self._clock.now_ms()
        operation = secrets.token_bytes(OPERATION_BYTES)
        wanted = Wanted(attempt, request, operation, self._instance, at, at + self._keep_ms, paid)
        return await self._db.write(lambda tx: repository.begin(tx, wanted, self._stale_seconds))

    async def _paid_earlier(self, earlier: Earlier) -> Paid | None:
        """Ask the books about an attempt that was left: its receipt when it was charged."""
        served = await self._db.read(
            lambda c: find_served(c, earlier.request_id, after=earlier.holds_before)
        )
        if served is None:
            return None
        if served.state is HoldState.OPEN:  # it will be charged, or expire
            raise IdempotencyInProgress(headers=_RETRY)
        if not served.settled:
            return None
        return Paid(
            served.request_id,
            served.model,
            served.prompt_tokens,
            served.completion_tokens,
            int(served.charged),
            status=None,
        )

    async def _end(self, attempt: Attempt, write: Callable[[Tx], None]) -> None:
        """Write how the call ended. What cannot be written now is kept here and tried again."""
        self._ends[attempt] = write
        try:
            async with asyncio.timeout(END_SECONDS_MAX):
                await self._write_end(attempt)
        except (DatabaseUnavailable, OutcomeUnknown, TimeoutError) as error:
            _log.warning("idempotency_unwritten", reason=type(error).__name__)

    async def _write_ends(self, scope: bytes) -> None:
        for attempt in [attempt for attempt in self._ends if attempt.scope == scope]:
            await self._write_end(attempt)

    async def _write_end(self, attempt: Attempt) -> None:
        write = self._ends.get(attempt)
        if write is not None:
            await self._db.write(write)
            self._ends.pop(attempt, None)
