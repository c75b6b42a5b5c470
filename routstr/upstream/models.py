"""The table of providers that the operator has stored; their keys are sealed."""

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, Text
from sqlmodel import Field, SQLModel

BIG_ID = BigInteger().with_variant(Integer, "sqlite")


class ProviderRow(SQLModel, table=True):
    """One provider. ``revision`` grows with every change; an id is never given twice."""

    __tablename__ = "providers"
    __table_args__ = {"sqlite_autoincrement": True}

    id: int | None = Field(default=None, sa_column=Column(BIG_ID, primary_key=True))
    slug: str = Field(max_length=64, unique=True)
    kind: str = Field(max_length=32)  # of the adapter
    base_url: str = Field(max_length=512)
    sealed_keys: bytes = Field(sa_column=Column(LargeBinary, nullable=False))  # a JSON list
    enabled: bool
    fee: str | None = Field(default=None, max_length=32)  # a decimal; none: the node's default
    priority: int
    options: str = Field(sa_column=Column(Text, nullable=False))  # a JSON object
    revision: int
    created_at: int = Field(sa_column=Column(BigInteger, nullable=False))  # ms since the epoch
    updated_at: int = Field(sa_column=Column(BigInteger, nullable=False))
