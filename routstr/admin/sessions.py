"""Who is let in as the operator: sessions, begun with the password, and tokens of programs.

A session is a random token, stored as a keyed hash that the password is a part of: another password
ends it, whoever changes it and wherever. One of the JSON interface lasts an hour; one of a browser
as long as it is used, up to a week. A program's token lives until it expires or is revoked, and may
do what its scopes say. All instances of a database know all of them.
"""

import secrets
from collections.abc import Awaitable, Callable
from typing import Final

from msgspec import Struct
from sqlalchemy import Connection

from routstr.admin import repository
from routstr.admin.models import ADDRESS_CHARS_MAX, AGENT_CHARS_MAX
from routstr.admin.passwords import Known, Passwords
from routstr.admin.repository import SessionRecord, SignInRecord
from routstr.admin.scopes import Scope, decode
from routstr.admin.throttle import Throttle
from routstr.core.addresses import network
from routstr.core.clock import Clock
from routstr.core.db import Database, Tx
from routstr.core.logging import get_logger
from routstr.core.node_key import NodeKey
from routstr.core.redaction import clean
from routstr.core.secret import Secret
from routstr.errors import (
    AdminError,
    AdminNotConfigured,
    InvalidPassword,
    ScopeMissing,
    SignInRefused,
)

SESSION_SECONDS: Final = 3_600
"""How long a session of the JSON interface lasts."""
PAGE_IDLE_SECONDS: Final = 12 * 3_600
"""How long a session of a browser lasts without use."""
PAGE_SECONDS_MAX: Final = 7 * 86_400
"""How long it lasts at most."""
TOKEN_PREFIX: Final = "sk-admin-"  # noqa: S105 - "sk-" is what logs leave out
_TOUCH_MS: Final = 60_000
"""Uses within a minute are noted once."""
_TOKEN_BYTES: Final = 32
_TOKEN_CHARS_MAX: Final = 100
_PURPOSE: Final = "admin_session"
_PROGRAM_PURPOSE: Final = "admin_token"
_MARK_PURPOSE: Final = "admin_form"
_log: Final = get_logger(__name__)


class Visit(Struct, frozen=True):
    """Where somebody comes from. ``agent`` is what the program says of itself."""

    address: str = ""
    agent: str = ""


class Caller(Struct, frozen=True):
    """Who was let in: one session, or one token."""

    session: int | None = None
    token: int | None = None


class Sessions:
    """Log-in, log-out, and the question who asks."""

    def __init__(
        self,
        db: Database,
        node_key: NodeKey,
        clock: Clock,
        passwords: Passwords,
        throttle: Throttle | None = None,
    ) -> None:
        """Without a password nobody is the operator. ``throttle`` may be older than this."""
        self.passwords: Final = passwords
        self._db: Final = db
        self._node_key: Final = node_key
        self._clock: Final = clock
        self._throttle: Final = throttle or Throttle()

    async def begin(self, password: Secret, visit: Visit, *, browser: bool = False) -> str:
        """The token of a new session.

        Raises :class:`InvalidPassword`, :class:`TooManyLogins`, :class:`AdminNotConfigured`.
        """
        known = await self.check(password, visit)
        _log.info("admin_login", client=network(visit.address))
        return await self.open(known, visit, browser=browser)

    async def begin_by(
        self, proof: Callable[[], Awaitable[bool]], visit: Visit, *, browser: bool = False
    ) -> str:
        """The token of a new session of whoever proves otherwise to be the operator.

        Raises :class:`SignInRefused`, :class:`TooManyLogins`, :class:`AdminNotConfigured`.
        """
        await self.passwords.ready()
        known: Known = await self._db.read(self.passwords.stored)
        client = network(visit.address)
        self._throttle.enter(client, self._clock.monotonic())
        if not await proof():
            _log.warning("admin_login_refused", client=client)
            await self._note(visit, succeeded=False)
            raise SignInRefused
        self._throttle.succeeded(client)
        _log.info("admin_login", client=client)
        return await self.open(known, visit, browser=browser)

    async def check(self, password: Secret, visit: Visit) -> Known:
        """Ask for the password, slowly for whoever guesses. Raises as :meth:`begin`."""
        if not await self.passwords.set_up():
            raise AdminNotConfigured
        client = network(visit.address)
        self._throttle.enter(client, self._clock.monotonic())
        known = await self.passwords.matches(password)
        if known is None:
            _log.warning("admin_login_refused", client=client)
            await self._note(visit, succeeded=False)
            raise InvalidPassword
        self._throttle.succeeded(client)
        return known

    async def open(self, known: Known, visit: Visit, *, browser: bool) -> str:
        """Begin a session of whoever gave this password."""
        token, now = secrets.token_urlsafe(_TOKEN_BYTES), self._clock.now_ms()
        lasts_s = PAGE_IDLE_SECONDS if browser else SESSION_SECONDS
        ends_s = PAGE_SECONDS_MAX if browser else SESSION_SECONDS
        begun = SessionRecord(
            id=0,
            begun_at=now,
            seen_at=now,
            expires_at=now + lasts_s * 1_000,
            ends_at=now + ends_s * 1_000,
            address=_short(visit.address, ADDRESS_CHARS_MAX),
            agent=_short(visit.agent, AGENT_CHARS_MAX),
        )
        stored = self.hashed(token, known)
        await self._db.write(lambda tx: repository.begin(tx, stored, begun))
        await self._note(visit, succeeded=True)
        return token

    async def require(self, authorization: str | None, scope: Scope | None = None) -> Caller:
        """Let only the operator pass, or a token with ``scope``; None: no token will do.

        Raises :class:`AdminError`, :class:`ScopeMissing`, :class:`AdminNotConfigured`.
        """
        await self.passwords.ready()
        given = _bearer(authorization)
        now = self._clock.now_ms()
        if given.startswith(TOKEN_PREFIX) and scope is not None:
            return await self._require_token(given, scope, now)
        found = await self._db.read(lambda c: self._living(c, given, now))
        if found is None:
            raise AdminError
        if found.expires_at < found.ends_at and now - found.seen_at >= _TOUCH_MS:
            until = min(now + PAGE_IDLE_SECONDS * 1_000, found.ends_at)
            await self._db.write(lambda tx: repository.touch(tx, found.id, now, until))
        return Caller(session=found.id)

    async def end(self, authorization: str | None) -> None:
        """End the session that asks. Raises as :meth:`require`."""
        caller = await self.require(authorization)
        session = caller.session
        assert session is not None, "no token was asked for"
        await self._db.write(lambda tx: repository.end(tx, session))

    async def change_password(
        self, authorization: str | None, current: Secret, new: Secret, visit: Visit
    ) -> None:
        """Set another password, which ends all sessions but the one that asks.

        Raises as :meth:`require` and :meth:`begin`, ``PasswordLocked``, ``PasswordUnfit``.
        """
        caller = await self.require(authorization, Scope.SECURITY)
        made = await self.passwords.change(new)
        await self.check(current, visit)
        token, session, now = _bearer(authorization), caller.session, self._clock.now_ms()

        def write(tx: Tx) -> None:
            repository.set_password(tx, made.salt, made.hash, now)
            repository.end_others(tx, session)
            if session is not None:
                repository.rename(tx, session, self.hashed(token, made))

        await self._db.write(write)
        _log.info("admin_password_changed", client=network(visit.address))

    def mark(self, token: str) -> str:
        """What a session's forms carry, so that no other site can send them."""
        told = token[:_TOKEN_CHARS_MAX].encode("utf-8", "surrogatepass")
        return self._node_key.mac(_MARK_PURPOSE, told).hex()

    def hashed(self, token: str, known: Known) -> bytes:
        """How a session's token is stored under a password."""
        return self._node_key.mac(_PURPOSE, known.hash, token.encode("utf-8", "surrogatepass"))

    def hashed_token(self, token: str) -> bytes:
        """How a program's token is stored."""
        return self._node_key.mac(_PROGRAM_PURPOSE, token.encode("utf-8", "surrogatepass"))

    async def _require_token(self, given: str, scope: Scope, now: int) -> Caller:
        hashed = self.hashed_token(given)

        def read(connection: Connection) -> repository.TokenRecord | None:
            self.passwords.stored(connection)
            return repository.token(connection, hashed, now)

        found = await self._db.read(read)
        if found is None:
            raise AdminError
        if scope not in decode(found.scopes):
            raise ScopeMissing(
                f"This token may not do that: it needs the scope {scope}.",
                details={"scope": scope.value},
            )
        if found.last_used_at is None or now - found.last_used_at >= _TOUCH_MS:
            await self._db.write(lambda tx: repository.use_token(tx, found.id, now))
        return Caller(token=found.id)

    def _living(self, connection: Connection, given: str, now: int) -> SessionRecord | None:
        known = self.passwords.stored(connection)
        if not given:
            return None
        return repository.session(connection, self.hashed(given, known), now)

    async def _note(self, visit: Visit, *, succeeded: bool) -> None:
        noted = SignInRecord(
            at=self._clock.now_ms(),
            address=_short(visit.address, ADDRESS_CHARS_MAX),
            agent=_short(visit.agent, AGENT_CHARS_MAX),
            succeeded=succeeded,
        )
        await self._db.write(lambda tx: repository.note_sign_in(tx, noted))


def _bearer(authorization: str | None) -> str:
    """What stands behind ``Bearer``; empty when it cannot be a token."""
    scheme, _, token = (authorization or "").partition(" ")
    token = token.strip()
    return token if scheme.lower() == "bearer" and len(token) <= _TOKEN_CHARS_MAX else ""


def _short(text: str, chars: int) -> str:
    """What a stranger says, without control characters, not too long."""
    visible = "".join(char if char.isprintable() else " " for char in text[: 4 * chars])
    return clean(visible)[:chars]
