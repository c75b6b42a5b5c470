"""What an operator sees and changes about who is let in: password, sessions, tokens, sign-ins."""

import secrets
from collections.abc import Sequence
from typing import Final

from msgspec import Struct, structs

from routstr.admin import repository
from routstr.admin.models import NAME_CHARS_MAX
from routstr.admin.repository import SessionRecord, SignInRecord, TokenRecord
from routstr.admin.scopes import USUAL, Scope, decode, encode
from routstr.admin.sessions import TOKEN_PREFIX, Sessions, Visit
from routstr.core.clock import Clock
from routstr.core.db import Database, Tx
from routstr.core.logging import get_logger
from routstr.core.redaction import clean
from routstr.core.secret import Secret
from routstr.errors import SessionNotFound, TokenNotFound, TokenUnfit

TOKENS_MAX: Final = 200
DAYS_MAX: Final = 3_650
SIGN_INS_SHOWN: Final = 50
_TOKEN_BYTES: Final = 32
_PREVIEW_CHARS: Final = len(TOKEN_PREFIX) + 4
_DAY_MS: Final = 86_400_000
_log: Final = get_logger(__name__)


class Token(Struct, frozen=True):
    """A program's token as it is shown. Times are ms since the epoch."""

    id: int
    name: str
    preview: str
    scopes: tuple[Scope, ...]
    created_at: int
    expires_at: int | None
    last_used_at: int | None
    expired: bool


class Session(Struct, frozen=True):
    """A session as it is shown. ``here``: the one that asks. Times are ms since the epoch."""

    id: int
    begun_at: int
    seen_at: int
    expires_at: int
    address: str
    agent: str
    here: bool


class AccessDesk:
    """Each method is for whoever was let in."""

    def __init__(self, db: Database, clock: Clock, sessions: Sessions) -> None:
        self._db: Final = db
        self._clock: Final = clock
        self._sessions: Final = sessions

    @property
    def password_locked(self) -> bool:
        """Whether the environment names the password."""
        return self._sessions.passwords.locked

    async def change_password(
        self, authorization: str | None, current: Secret, new: Secret, visit: Visit
    ) -> None:
        """See :meth:`Sessions.change_password`."""
        await self._sessions.change_password(authorization, current, new, visit)

    async def sessions(self, here: int | None) -> list[Session]:
        """All that have not ended, the newest first; ``here`` is that of whoever asks."""
        now = self._clock.now_ms()
        found = await self._db.read(lambda c: repository.sessions(c, now))
        return [_session(record, here) for record in found]

    async def end_session(self, session: int) -> None:
        """End one. Raises ``SessionNotFound``."""
        if not await self._db.write(lambda tx: repository.end(tx, session)):
            raise SessionNotFound

    async def end_others(self, here: int | None) -> int:
        """End all but one; how many those were."""
        return await self._db.write(lambda tx: repository.end_others(tx, here))

    async def sign_ins(self, most: int = SIGN_INS_SHOWN) -> list[SignInRecord]:
        """Who gave a password last, right or wrong."""
        return await self._db.read(lambda c: repository.sign_ins(c, most))

    async def tokens(self) -> list[Token]:
        """All of them, the newest first."""
        now = self._clock.now_ms()
        return [_token(one, now) for one in await self._db.read(repository.tokens)]

    async def create_token(
        self, name: str, scopes: Sequence[Scope] = USUAL, expires_in_days: int | None = None
    ) -> tuple[Token, str]:
        """Make one; its text is not told again. Raises ``TokenUnfit``."""
        name = clean(name).strip()
        if not 0 < len(name) <= NAME_CHARS_MAX:
            raise TokenUnfit(f"A token has a name of 1 to {NAME_CHARS_MAX} characters.")
        if not scopes:
            raise TokenUnfit("A token has at least one scope.")
        if expires_in_days is not None and not 0 < expires_in_days <= DAYS_MAX:
            raise TokenUnfit(f"A token expires in 1 to {DAYS_MAX} days, or never.")
        text, now = TOKEN_PREFIX + secrets.token_urlsafe(_TOKEN_BYTES), self._clock.now_ms()
        record = TokenRecord(
            id=0,
            name=name,
            preview=f"{text[:_PREVIEW_CHARS]}…",
            scopes=encode(scopes),
            created_at=now,
            expires_at=None if expires_in_days is None else now + expires_in_days * _DAY_MS,
            last_used_at=None,
        )
        hashed = self._sessions.hashed_token(text)

        def write(tx: Tx) -> TokenRecord:
            if repository.count_tokens(tx.sql) >= TOKENS_MAX:
                raise TokenUnfit(f"There are {TOKENS_MAX} tokens; revoke one first.")
            return structs.replace(record, id=repository.add_token(tx, hashed, record))

        made = await self._db.write(write)
        _log.info("admin_token_made", id=made.id, scopes=made.scopes)
        return _token(made, now), text

    async def revoke_token(self, token: int) -> None:
        """Forget one, at once. Raises ``TokenNotFound``."""
        if not await self._db.write(lambda tx: repository.remove_token(tx, token)):
            raise TokenNotFound
        _log.info("admin_token_revoked", id=token)


def _token(record: TokenRecord, now: int) -> Token:
    return Token(
        id=record.id,
        name=record.name,
        preview=record.preview,
        scopes=decode(record.scopes),
        created_at=record.created_at,
        expires_at=record.expires_at,
        last_used_at=record.last_used_at,
        expired=record.expires_at is not None and record.expires_at <= now,
    )


def _session(record: SessionRecord, here: int | None) -> Session:
    return Session(
        id=record.id,
        begun_at=record.begun_at,
        seen_at=record.seen_at,
        expires_at=record.expires_at,
        address=record.address,
        agent=record.agent,
        here=record.id == here,
    )
