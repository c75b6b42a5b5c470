"""The first start: whoever holds the link that the console showed may set the password, once.

The link's code lives in the memory of one process, as a hash, and ends with it or with its use.
"""

import hashlib
import hmac
import secrets
from typing import Final

from routstr.admin.passwords import Passwords
from routstr.admin.sessions import Sessions, Visit
from routstr.core.secret import Secret
from routstr.errors import SetupRefused

SETUP: Final = "/admin/setup"
_CODE_BYTES: Final = 16


class FirstRun:
    """Makes the link, and the password of whoever comes with it."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions: Final = sessions
        self._hash: bytes | None = None

    @property
    def passwords(self) -> Passwords:
        """Where the password is kept."""
        return self._sessions.passwords

    async def open(self) -> str | None:
        """Path and query of a new link; None when there is a password. The link before ends."""
        if await self.passwords.set_up():
            return None
        code = secrets.token_urlsafe(_CODE_BYTES)
        self._hash = _hashed(code)
        return f"{SETUP}?code={code}"

    def knows(self, code: str) -> bool:
        """Whether this is the code of the link."""
        return self._hash is not None and hmac.compare_digest(_hashed(code), self._hash)

    async def begin(self, code: str, password: Secret, visit: Visit) -> str:
        """Store the password and return the token of a browser's first session.

        Raises ``SetupRefused``, ``PasswordUnfit``.
        """
        if not self.knows(code):
            raise SetupRefused
        made = await self.passwords.create(password)
        self._hash = None  # whoever was faster: there is a password now
        if made is None:
            raise SetupRefused
        return await self._sessions.open(made, visit, browser=True)


def _hashed(code: str) -> bytes:
    return hashlib.sha256(code.encode("utf-8", "surrogatepass")).digest()
