"""The table of calls that named themselves. It holds digests and sealed answers, nothing clear."""

from sqlalchemy import BigInteger, Column, Index, LargeBinary
from sqlmodel import Field, SQLModel


class IdempotencyRecord(SQLModel, table=True):
    """One key of one credential.

    ``answer`` is set once the call is done; else ``owner`` is the instance that works on it, and
    with neither the call was left unfinished and may be carried out again. Times are ms.
    """

    __tablename__ = "idempotency"
    __table_args__ = (Index("ix_idempotency_expires", "expires_at"),)

    scope: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    """Keyed hash of credential and key."""
    request: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    """Keyed hash of method, path, query and body."""
    operation: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    """32 random bytes that stay the same through every attempt."""
    attempt: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    """16 random bytes of the latest attempt, which fence earlier ones off."""
    owner: int | None = Field(default=None, sa_column=Column(BigInteger))
    paid_request: str | None = Field(default=None, max_length=64)
    holds_before: int | None = Field(default=None, sa_column=Column(BigInteger))
    """Of a paid request: its id, and the newest hold of that moment, behind which its own is."""
    answer: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    created_at: int = Field(sa_column=Column(BigInteger, nullable=False))
    expires_at: int = Field(sa_column=Column(BigInteger, nullable=False))
