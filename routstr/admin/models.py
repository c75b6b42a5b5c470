"""The tables about the operator: the password, log-ins, the CLI's tokens, who signed in when.

Passwords and tokens are stored as hashes only. Times are ms since the epoch.
"""

from typing import Final

from sqlalchemy import BigInteger, Column, Integer, LargeBinary
from sqlmodel import Field, SQLModel

ADDRESS_CHARS_MAX: Final = 64
AGENT_CHARS_MAX: Final = 200
NAME_CHARS_MAX: Final = 100
_SCOPES_CHARS_MAX: Final = 200
_PREVIEW_CHARS_MAX: Final = 32
_BIG_ID: Final = BigInteger().with_variant(Integer, "sqlite")


class AdminPassword(SQLModel, table=True):
    """The operator's password, as its scrypt hash: one row, or none before the first run."""

    __tablename__ = "admin_passwords"

    id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    salt: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    changed_at: int = Field(sa_column=Column(BigInteger, nullable=False))


class AdminSession(SQLModel, table=True):
    """One session of the operator, on whichever instance it was begun.

    ``expires_at`` moves on as long as it is used, up to ``ends_at``.
    """

    __tablename__ = "admin_sessions"
    __table_args__ = {"sqlite_autoincrement": True}

    id: int | None = Field(default=None, sa_column=Column(_BIG_ID, primary_key=True))
    token: bytes = Field(sa_column=Column(LargeBinary, nullable=False, unique=True))  # keyed hash
    begun_at: int = Field(sa_column=Column(BigInteger, nullable=False))
    seen_at: int = Field(sa_column=Column(BigInteger, nullable=False))
    expires_at: int = Field(sa_column=Column(BigInteger, nullable=False, index=True))
    ends_at: int = Field(sa_column=Column(BigInteger, nullable=False))
    address: str = Field(max_length=ADDRESS_CHARS_MAX)
    agent: str = Field(max_length=AGENT_CHARS_MAX)


class AdminToken(SQLModel, table=True):
    """A token with which a program acts for the operator; its id is never given twice."""

    __tablename__ = "admin_tokens"
    __table_args__ = {"sqlite_autoincrement": True}

    id: int | None = Field(default=None, sa_column=Column(_BIG_ID, primary_key=True))
    name: str = Field(max_length=NAME_CHARS_MAX)
    token: bytes = Field(sa_column=Column(LargeBinary, nullable=False, unique=True))  # keyed hash
    preview: str = Field(max_length=_PREVIEW_CHARS_MAX)
    scopes: str = Field(max_length=_SCOPES_CHARS_MAX)
    created_at: int = Field(sa_column=Column(BigInteger, nullable=False))
    expires_at: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    last_used_at: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))


class SignIn(SQLModel, table=True):
    """Somebody who gave a password; the newest few hundred are kept."""

    __tablename__ = "admin_sign_ins"

    id: int | None = Field(default=None, sa_column=Column(_BIG_ID, primary_key=True))
    at: int = Field(sa_column=Column(BigInteger, nullable=False))
    address: str = Field(max_length=ADDRESS_CHARS_MAX)
    agent: str = Field(max_length=AGENT_CHARS_MAX)
    succeeded: bool
