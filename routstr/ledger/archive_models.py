"""Tables of what has left for archives. Only :mod:`routstr.ledger` writes here.

See docs/decisions/0035 for what an archive is.
"""

from sqlalchemy import BigInteger, Column, ForeignKey, LargeBinary, Text
from sqlmodel import Field, SQLModel


class Archive(SQLModel, table=True):
    """One archive: settled charges of transfers up to ``upto`` are in its file.

    While ``ended_at`` is missing, they are being removed, part by part.
    """

    __tablename__ = "archives"

    # 1, 2, 3 ...
    number: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    upto: int = Field(sa_column=Column(BigInteger, nullable=False, unique=True))  # a transfer's id
    seal: int = Field(sa_column=Column(BigInteger, nullable=False))  # the one that ends there
    digest: bytes = Field(sa_column=Column(LargeBinary, nullable=False))  # of that seal
    statement: str = Field(sa_column=Column(Text, nullable=False))  # JSON, signed
    proof: bytes = Field(sa_column=Column(LargeBinary, nullable=False))  # HMAC by the node's key
    parts: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))  # removed so far
    removed: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))  # transfers
    amount: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))  # their sum, msat
    created_at: int = Field(sa_column=Column(BigInteger, nullable=False))  # ms since the epoch
    ended_at: int | None = Field(default=None, sa_column=Column(BigInteger))


class OpeningBalance(SQLModel, table=True):
    """What an account's removed charges add up to, msat, over all archives."""

    __tablename__ = "opening_balances"

    account: int = Field(
        sa_column=Column(
            BigInteger, ForeignKey("accounts.id"), primary_key=True, autoincrement=False
        )
    )
    posted: int = Field(sa_column=Column(BigInteger, nullable=False))
    spent: int = Field(sa_column=Column(BigInteger, nullable=False))
    requests: int = Field(sa_column=Column(BigInteger, nullable=False))


class OpeningLimit(SQLModel, table=True):
    """What a limit's removed holds have charged, msat: in ``period``, the newest, and ever."""

    __tablename__ = "opening_limits"

    limit_id: int = Field(
        sa_column=Column(
            BigInteger, ForeignKey("key_limits.id"), primary_key=True, autoincrement=False
        )
    )
    period: int = Field(sa_column=Column(BigInteger, nullable=False))
    spent: int = Field(sa_column=Column(BigInteger, nullable=False))
    total_spent: int = Field(sa_column=Column(BigInteger, nullable=False))
    requests: int = Field(sa_column=Column(BigInteger, nullable=False))
