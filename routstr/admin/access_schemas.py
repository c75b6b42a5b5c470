"""What the admin API takes and tells about who is let in. A token is told once."""

from typing import Annotated

from pydantic import BaseModel, Field

from routstr.admin.access_desk import Session, Token
from routstr.admin.repository import SignInRecord
from routstr.admin.schemas import Asked, Done
from routstr.admin.scopes import USUAL, Scope
from routstr.core.secret import Secret

_Time = Annotated[int, Field(description="Unix time")]
_MaybeTime = Annotated[int | None, Field(description="Unix time, or null")]
_MS = 1_000


class PasswordChange(Asked):
    """The password, and the one that takes its place: at least 8 characters."""

    current_password: Secret
    new_password: Secret


class PasswordChanged(Done):
    """All other sessions have ended."""

    message: str


class TokenCreate(Asked):
    """A token for a program. ``expires_in_days`` null: until it is revoked."""

    name: str
    scopes: list[Scope] = Field(default=list(USUAL), description="what it may be used for")
    expires_in_days: int | None = None


class TokenAnswer(BaseModel):
    """A token, by its beginning."""

    id: int
    name: str
    token_preview: str
    scopes: list[str] = Field(description="what it may be used for")
    created_at: _Time
    last_used_at: _MaybeTime
    expires_at: _MaybeTime

    @classmethod
    def of(cls, token: Token) -> "TokenAnswer":
        """Tell of a token."""
        return cls(
            id=token.id,
            name=token.name,
            token_preview=token.preview,
            scopes=[scope.value for scope in token.scopes],
            created_at=token.created_at // _MS,
            last_used_at=_seconds(token.last_used_at),
            expires_at=_seconds(token.expires_at),
        )


class TokenMade(TokenAnswer):
    """A token that was just made; ``token`` is told only here."""

    token: str


class SessionAnswer(BaseModel):
    """Somebody who has logged in."""

    id: int
    address: str
    agent: str
    begun_at: _Time
    seen_at: _Time
    expires_at: _Time
    current: bool = Field(description="the one that asks")

    @classmethod
    def of(cls, session: Session) -> "SessionAnswer":
        """Tell of a session."""
        return cls(
            id=session.id,
            address=session.address,
            agent=session.agent,
            begun_at=session.begun_at // _MS,
            seen_at=session.seen_at // _MS,
            expires_at=session.expires_at // _MS,
            current=session.here,
        )


class SignInAnswer(BaseModel):
    """Somebody who gave a password."""

    at: _Time
    address: str
    agent: str
    succeeded: bool

    @classmethod
    def of(cls, record: SignInRecord) -> "SignInAnswer":
        """Tell of a sign-in."""
        return cls(
            at=record.at // _MS,
            address=record.address,
            agent=record.agent,
            succeeded=record.succeeded,
        )


def _seconds(ms: int | None) -> int | None:
    return None if ms is None else ms // _MS
