"""The table of what the node keeps about itself on Nostr."""

from sqlalchemy import BigInteger, Column, LargeBinary
from sqlmodel import Field, SQLModel


class NostrValue(SQLModel, table=True):
    """One named value, and since when, in ms since 1970. The secret key is sealed."""

    __tablename__ = "nostr_values"

    name: str = Field(primary_key=True, max_length=96)
    value: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    changed_at: int = Field(sa_column=Column(BigInteger, nullable=False))
