"""The operator's password: that of ADMIN_PASSWORD, else the one that the database knows as a hash.

Hashing is scrypt (RFC 7914), away from the event loop, one at a time, so that guessing takes the
memory of one. What is compared is the hash, in constant time.
"""

import asyncio
import hashlib
import hmac
import os
from typing import Final

from msgspec import Struct
from sqlalchemy import Connection

from routstr.admin import repository
from routstr.core.clock import Clock
from routstr.core.db import Database, Tx
from routstr.core.node_key import NodeKey
from routstr.core.secret import Secret
from routstr.core.setting_types import PASSWORD_CHARS_MIN
from routstr.errors import AdminNotConfigured, PasswordLocked, PasswordUnfit

PASSWORD_CHARS_MAX: Final = 1_024
_SALT_BYTES: Final = 16
COST: Final = 1 << 14
_BLOCK, _MEMORY = 8, 64 * 1024**2


class Known(Struct, frozen=True):
    """A password as it is known: the hash is also what sessions are bound to."""

    salt: bytes
    hash: bytes


class Passwords:
    """Asks and changes it. ``given`` is that of the environment, which always wins."""

    def __init__(
        self,
        db: Database,
        node_key: NodeKey,
        clock: Clock,
        given: Secret,
        *,
        cost: int = COST,
    ) -> None:
        """``cost`` is scrypt's N: less is for tests only."""
        self._db: Final = db
        self._clock: Final = clock
        self._given: Final = given
        self._cost: Final = cost
        self._salt: Final = node_key.derive("admin_password")
        self._hashing: Final = asyncio.Lock()
        self._known: Known | None = None

    @property
    def locked(self) -> bool:
        """Whether the environment names it, so that it is changed there only."""
        return bool(self._given)

    async def ready(self) -> Known | None:
        """Hash the environment's once; None: it names none."""
        if self._given and self._known is None:
            self._known = Known(self._salt, await self._hash(self._given, self._salt))
        return self._known

    async def set_up(self) -> bool:
        """Whether there is one at all."""
        return self.locked or await self._db.read(repository.password) is not None

    def stored(self, connection: Connection) -> Known:
        """What counts inside a read; raises :class:`AdminNotConfigured`. After :meth:`ready`."""
        if self._known is not None:
            return self._known
        found = repository.password(connection)
        if found is None:
            raise AdminNotConfigured
        return Known(*found)

    async def matches(self, password: Secret) -> Known | None:
        """What is known, when this is the password. Raises :class:`AdminNotConfigured`."""
        known = await self.ready()
        if known is None:
            known = await self._db.read(self.stored)
        found = await self._hash(password, known.salt)
        return known if hmac.compare_digest(found, known.hash) else None

    async def create(self, password: Secret) -> Known | None:
        """Store the first one; None: somebody was faster. Raises ``PasswordUnfit``."""
        made, now = await self._made(password), self._clock.now_ms()

        def write(tx: Tx) -> bool:
            if repository.password(tx.sql) is not None:
                return False
            repository.set_password(tx, made.salt, made.hash, now)
            return True

        return made if await self._db.write(write) else None

    async def change(self, password: Secret) -> Known:
        """Hash another one, to be stored. Raises ``PasswordLocked``, ``PasswordUnfit``."""
        if self.locked:
            raise PasswordLocked
        return await self._made(password)

    async def reset(self, password: Secret) -> int:
        """Store another one, whatever it was, and end all sessions; how many those were.

        For whoever has the machine. Raises ``PasswordLocked``, ``PasswordUnfit``.
        """
        made, now = await self.change(password), self._clock.now_ms()

        def write(tx: Tx) -> int:
            repository.set_password(tx, made.salt, made.hash, now)
            return repository.end_others(tx, None)

        return await self._db.write(write)

    async def _made(self, password: Secret) -> Known:
        if not PASSWORD_CHARS_MIN <= len(password.reveal()) <= PASSWORD_CHARS_MAX:
            raise PasswordUnfit(
                f"A password has at least {PASSWORD_CHARS_MIN} characters, "
                f"and at most {PASSWORD_CHARS_MAX}."
            )
        salt = os.urandom(_SALT_BYTES)
        return Known(salt, await self._hash(password, salt))

    async def _hash(self, password: Secret, salt: bytes) -> bytes:
        clear = password.reveal()[:PASSWORD_CHARS_MAX].encode("utf-8", "surrogatepass")

        def work() -> bytes:
            return hashlib.scrypt(clear, salt=salt, n=self._cost, r=_BLOCK, p=1, maxmem=_MEMORY)

        async with self._hashing:
            return await asyncio.to_thread(work)
