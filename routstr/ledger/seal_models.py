"""The table of seals. Only :mod:`routstr.ledger` writes here."""

from sqlalchemy import BigInteger, Column, LargeBinary
from sqlmodel import Field, SQLModel


class Seal(SQLModel, table=True):
    """One link of the chain: the transfers behind the link before it, up to ``upto``."""

    __tablename__ = "seals"

    # 1, 2, 3 ...: whoever is first with a number has made that link
    number: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    instance: int = Field(sa_column=Column(BigInteger, nullable=False))  # which made it
    upto: int = Field(sa_column=Column(BigInteger, nullable=False, unique=True))  # a transfer's id
    transfers: int = Field(sa_column=Column(BigInteger, nullable=False))  # how many
    digest: bytes = Field(sa_column=Column(LargeBinary, nullable=False))  # SHA-256
    proof: bytes = Field(sa_column=Column(LargeBinary, nullable=False))  # HMAC by the node's key
    created_at: int = Field(sa_column=Column(BigInteger, nullable=False))  # ms since the epoch
