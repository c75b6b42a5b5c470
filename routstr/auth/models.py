"""The table of API keys. A key itself is never stored."""

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, LargeBinary, Text
from sqlmodel import Field, SQLModel

BIG_ID = BigInteger().with_variant(Integer, "sqlite")


class ApiKey(SQLModel, table=True):
    """What is known of a key: a keyed hash, its account, and where its money came from."""

    __tablename__ = "api_keys"

    id: int | None = Field(default=None, sa_column=Column(BIG_ID, primary_key=True))
    account: int = Field(
        sa_column=Column(BigInteger, ForeignKey("accounts.id"), nullable=False, unique=True)
    )
    key_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False, unique=True))
    public_id: str = Field(max_length=64, index=True)  # safe to show and to log
    mint: str = Field(max_length=512)  # of the first deposit: where refunds go first
    unit: str = Field(max_length=16)
    key_metadata: str = Field(default="{}", sa_column=Column("metadata", Text, nullable=False))
    created_at: int = Field(sa_column=Column(BigInteger, nullable=False))  # ms since the epoch
    expires_at: int | None = Field(default=None, sa_column=Column(BigInteger))
