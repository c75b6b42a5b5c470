"""SQL about the operator: password, sessions, tokens, sign-ins."""

from typing import Final, cast

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update
from sqlmodel import col

from routstr.admin.models import AdminPassword, AdminSession, AdminToken, SignIn
from routstr.core.db import Tx

SIGN_INS_MAX: Final = 500
"""How many are kept: the newest."""
_ONLY: Final = 1
_SESSION_ID: Final = cast("ColumnElement[int]", col(AdminSession.id))  # None only before the row
_TOKEN_ID: Final = cast("ColumnElement[int]", col(AdminToken.id))
_SIGN_IN_ID: Final = cast("ColumnElement[int]", col(SignIn.id))


class SessionRecord(Struct, frozen=True):
    """A session as it lies there. Times are ms since the epoch."""

    id: int
    begun_at: int
    seen_at: int
    expires_at: int
    ends_at: int
    address: str
    agent: str


class TokenRecord(Struct, frozen=True):
    """A token as it lies there, without what it is. Times are ms since the epoch."""

    id: int
    name: str
    preview: str
    scopes: str
    created_at: int
    expires_at: int | None
    last_used_at: int | None


class SignInRecord(Struct, frozen=True):
    """Somebody who gave a password."""

    at: int
    address: str
    agent: str
    succeeded: bool


_SESSION: Final = (
    _SESSION_ID,
    col(AdminSession.begun_at),
    col(AdminSession.seen_at),
    col(AdminSession.expires_at),
    col(AdminSession.ends_at),
    col(AdminSession.address),
    col(AdminSession.agent),
)
_TOKEN: Final = (
    _TOKEN_ID,
    col(AdminToken.name),
    col(AdminToken.preview),
    col(AdminToken.scopes),
    col(AdminToken.created_at),
    col(AdminToken.expires_at),
    col(AdminToken.last_used_at),
)
_SIGN_IN: Final = (col(SignIn.at), col(SignIn.address), col(SignIn.agent), col(SignIn.succeeded))


def password(connection: Connection) -> tuple[bytes, bytes] | None:
    """Salt and hash of the password, if there is one."""
    row = connection.execute(select(col(AdminPassword.salt), col(AdminPassword.hash))).first()
    return None if row is None else (bytes(row[0]), bytes(row[1]))


def set_password(tx: Tx, salt: bytes, digest: bytes, now: int) -> None:
    """Store the password in the place of the one before."""
    tx.sql.execute(delete(AdminPassword))
    values = {"id": _ONLY, "salt": salt, "hash": digest, "changed_at": now}
    tx.sql.execute(insert(AdminPassword).values(**values))


def begin(tx: Tx, token: bytes, session: SessionRecord) -> int:
    """Store a session by the hash of its token, and forget those that are over; returns its id."""
    tx.sql.execute(delete(AdminSession).where(col(AdminSession.expires_at) <= session.begun_at))
    values = {name: getattr(session, name) for name in SessionRecord.__struct_fields__[1:]}
    adding = insert(AdminSession).values(token=token, **values).returning(_SESSION_ID)
    return tx.sql.execute(adding).scalar_one()


def session(connection: Connection, token: bytes, now: int) -> SessionRecord | None:
    """The session with this hash, unless it has ended."""
    row = connection.execute(select(*_SESSION).where(col(AdminSession.token) == token)).first()
    found = None if row is None else SessionRecord(*row)
    return found if found is not None and found.expires_at > now else None


def touch(tx: Tx, session_id: int, now: int, expires_at: int) -> None:
    """Note that a session is in use."""
    which = col(AdminSession.id) == session_id
    values = {"seen_at": now, "expires_at": expires_at}
    tx.sql.execute(update(AdminSession).where(which).values(**values))


def sessions(connection: Connection, now: int) -> list[SessionRecord]:
    """Those that have not ended, the newest first."""
    living = select(*_SESSION).where(col(AdminSession.expires_at) > now)
    rows = connection.execute(living.order_by(_SESSION_ID.desc()))
    return [SessionRecord(*row) for row in rows]


def end(tx: Tx, session_id: int) -> bool:
    """Forget a session; whether there was one."""
    return bool(
        tx.sql.execute(delete(AdminSession).where(col(AdminSession.id) == session_id)).rowcount
    )


def end_others(tx: Tx, kept: int | None) -> int:
    """Forget all sessions but one; how many those were."""
    others = delete(AdminSession)
    if kept is not None:
        others = others.where(col(AdminSession.id) != kept)
    return int(tx.sql.execute(others).rowcount)


def rename(tx: Tx, session_id: int, token: bytes) -> None:
    """Store the hash that a session's token has under another password."""
    which = col(AdminSession.id) == session_id
    tx.sql.execute(update(AdminSession).where(which).values(token=token))


def note_sign_in(tx: Tx, sign_in: SignInRecord) -> None:
    """Remember that somebody gave a password, and forget what is long ago."""
    values = {name: getattr(sign_in, name) for name in SignInRecord.__struct_fields__}
    adding = insert(SignIn).values(**values).returning(_SIGN_IN_ID)
    made = tx.sql.execute(adding).scalar_one()
    if made % 10 == 0:  # not each time: what is too many may stay for a moment
        kept = select(_SIGN_IN_ID).order_by(_SIGN_IN_ID.desc()).limit(1).offset(SIGN_INS_MAX - 1)
        oldest = tx.sql.execute(kept).scalar_one_or_none()
        if oldest is not None:
            tx.sql.execute(delete(SignIn).where(col(SignIn.id) < oldest))


def sign_ins(connection: Connection, most: int) -> list[SignInRecord]:
    """The newest ones, the last first."""
    rows = connection.execute(select(*_SIGN_IN).order_by(_SIGN_IN_ID.desc()).limit(most))
    return [SignInRecord(*row) for row in rows]


def add_token(tx: Tx, token: bytes, record: TokenRecord) -> int:
    """Store a token by its hash; returns its id."""
    values = {name: getattr(record, name) for name in TokenRecord.__struct_fields__[1:]}
    adding = insert(AdminToken).values(token=token, **values).returning(_TOKEN_ID)
    return tx.sql.execute(adding).scalar_one()


def token(connection: Connection, hashed: bytes, now: int) -> TokenRecord | None:
    """The token with this hash, unless it has expired."""
    row = connection.execute(select(*_TOKEN).where(col(AdminToken.token) == hashed)).first()
    found = None if row is None else TokenRecord(*row)
    if found is None or (found.expires_at is not None and found.expires_at <= now):
        return None
    return found


def tokens(connection: Connection) -> list[TokenRecord]:
    """All of them, expired ones too, the newest first."""
    rows = connection.execute(select(*_TOKEN).order_by(_TOKEN_ID.desc()))
    return [TokenRecord(*row) for row in rows]


def count_tokens(connection: Connection) -> int:
    """How many there are."""
    return connection.execute(select(func.count()).select_from(AdminToken)).scalar_one()


def use_token(tx: Tx, token_id: int, now: int) -> None:
    """Note when a token was used."""
    tx.sql.execute(
        update(AdminToken).where(col(AdminToken.id) == token_id).values(last_used_at=now)
    )


def remove_token(tx: Tx, token_id: int) -> bool:
    """Forget a token; whether there was one."""
    return bool(tx.sql.execute(delete(AdminToken).where(col(AdminToken.id) == token_id)).rowcount)
