"""The first start: whoever holds the link that the console showed may set the password, once.

The link's code comes from the node's key and from a number that each database has of its own, so
that every process and every start of a new node shows, and takes, the same one. It opens nothing
once there is a password.
"""

import base64
import hmac
import os
from typing import Final

from routstr.admin.passwords import Passwords
from routstr.admin.sessions import Sessions, Visit
from routstr.core.db import Database, node_values
from routstr.core.node_key import NodeKey
from routstr.core.secret import Secret
from routstr.errors import SetupRefused

SETUP: Final = "/admin/setup"
_CODE_BYTES: Final = 16
_PURPOSE: Final = "admin_setup"


class FirstRun:
    """Makes the link, and the password of whoever comes with it."""

    def __init__(self, sessions: Sessions, db: Database, node_key: NodeKey) -> None:
        self._sessions: Final = sessions
        self._db: Final = db
        self._node_key: Final = node_key
        self._code = ""

    @property
    def passwords(self) -> Passwords:
        """Where the password is kept."""
        return self._sessions.passwords

    async def open(self) -> str | None:
        """Path and query of the link, which counts from now on; None when there is a password."""
        if await self.passwords.set_up():
            return None
        fresh = os.urandom(_CODE_BYTES)
        number = await self._db.write(lambda tx: node_values.remember(tx, _PURPOSE, fresh))
        code = self._node_key.mac(_PURPOSE, number)[:_CODE_BYTES]
        self._code = base64.urlsafe_b64encode(code).decode().rstrip("=")
        return f"{SETUP}?code={self._code}"

    def knows(self, code: str) -> bool:
        """Whether this is the code of the link."""
        given = code.encode("utf-8", "surrogatepass")
        return bool(self._code) and hmac.compare_digest(given, self._code.encode())

    async def begin(self, code: str, password: Secret, visit: Visit) -> str:
        """Store the password and return the token of a browser's first session.

        Raises ``SetupRefused``, ``PasswordUnfit``.
        """
        if not self.knows(code):
            raise SetupRefused
        made = await self.passwords.create(password)
        self._code = ""  # whoever was faster: there is a password now
        if made is None:
            raise SetupRefused
        return await self._sessions.open(made, visit, browser=True)
