"""Who the operator is: the password of ADMIN_PASSWORD, and the sessions that it begins.

The password is compared as its scrypt hash, away from the event loop, one at a time. A session is
a random token, stored as a keyed hash that the password is a part of: whoever changes the password
ends every session. All instances of a database know all sessions.
"""

import asyncio
import hashlib
import hmac
import secrets
from typing import Final

from routstr.admin import repository
from routstr.admin.throttle import Throttle
from routstr.core.addresses import network
from routstr.core.clock import Clock
from routstr.core.db import Database
from routstr.core.logging import get_logger
from routstr.core.node_key import NodeKey
from routstr.core.secret import Secret
from routstr.errors import AdminError, AdminNotConfigured, InvalidPassword

SESSION_SECONDS: Final = 3_600
_TOKEN_BYTES: Final = 32
_TOKEN_CHARS_MAX: Final = 100
_PASSWORD_CHARS_MAX: Final = 1_024
_PURPOSE: Final = "admin_session"
_MARK_PURPOSE: Final = "admin_form"
_COST, _BLOCK, _MEMORY = 1 << 14, 8, 64 * 1024**2
_log: Final = get_logger(__name__)


class Sessions:
    """Log-in, log-out, and the question who asks."""

    def __init__(self, db: Database, node_key: NodeKey, clock: Clock, password: Secret) -> None:
        """An empty password: nobody is the operator."""
        self._db: Final = db
        self._node_key: Final = node_key
        self._clock: Final = clock
        self._password: Final = password
        self._throttle: Final = Throttle()
        self._hashing: Final = asyncio.Lock()
        self._expected: bytes | None = None

    async def begin(self, password: Secret, address: str) -> str:
        """The token of a new session; ``address`` is where the client is.

        Raises :class:`InvalidPassword`, :class:`TooManyLogins`, :class:`AdminNotConfigured`.
        """
        self._require()
        client = network(address)
        self._throttle.enter(client, self._clock.monotonic())
        expected = await self._digest()
        if not hmac.compare_digest(await self._hash(password), expected):
            _log.warning("admin_login_refused", client=client)
            raise InvalidPassword
        self._throttle.succeeded(client)
        token, now = secrets.token_urlsafe(_TOKEN_BYTES), self._clock.now_ms()
        stored = self._stored(token, expected)
        expires_at = now + SESSION_SECONDS * 1_000
        await self._db.write(lambda tx: repository.begin(tx, stored, expires_at, now))
        _log.info("admin_login", client=client)
        return token

    async def require(self, authorization: str | None) -> None:
        """Let only the operator pass. Raises :class:`AdminError`, :class:`AdminNotConfigured`."""
        stored = await self._asked(authorization)
        now = self._clock.now_ms()
        if stored is None or not await self._db.read(lambda c: repository.lives(c, stored, now)):
            raise AdminError

    async def end(self, authorization: str | None) -> None:
        """End the session that asks. Raises as :meth:`require`."""
        await self.require(authorization)
        stored = await self._asked(authorization)
        assert stored is not None, "it was let through"
        await self._db.write(lambda tx: repository.end(tx, stored))

    def mark(self, token: str) -> str:
        """What a session's forms carry, so that no other site can send them."""
        told = token[:_TOKEN_CHARS_MAX].encode("utf-8", "surrogatepass")
        return self._node_key.mac(_MARK_PURPOSE, told).hex()

    async def _asked(self, authorization: str | None) -> bytes | None:
        self._require()
        scheme, _, token = (authorization or "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token or len(token) > _TOKEN_CHARS_MAX:
            return None
        return self._stored(token, await self._digest())

    def _require(self) -> None:
        if not self._password:
            raise AdminNotConfigured

    def _stored(self, token: str, digest: bytes) -> bytes:
        return self._node_key.mac(_PURPOSE, digest, token.encode("utf-8", "surrogatepass"))

    async def _digest(self) -> bytes:
        """The hash of the operator's password, made once."""
        if self._expected is None:
            self._expected = await self._hash(self._password)
        return self._expected

    async def _hash(self, password: Secret) -> bytes:
        clear = password.reveal()[:_PASSWORD_CHARS_MAX].encode("utf-8", "surrogatepass")
        salt = self._node_key.derive("admin_password")

        def work() -> bytes:
            return hashlib.scrypt(clear, salt=salt, n=_COST, r=_BLOCK, p=1, maxmem=_MEMORY)

        async with self._hashing:  # so that guessing takes the memory of one
            return await asyncio.to_thread(work)
