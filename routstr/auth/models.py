"""The tables of API keys. A key itself is never stored."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Text,
    UniqueConstraint,
)
from sqlmodel import Field, SQLModel

from routstr.core.db.partial_index import partial_index

BIG_ID = BigInteger().with_variant(Integer, "sqlite")


class ApiKey(SQLModel, table=True):
    """What is known of a key: a keyed hash, its account, and where its money came from."""

    __tablename__ = "api_keys"
    __table_args__ = (
        partial_index("ix_api_keys_expiring", "expires_at", where="refund_address IS NOT NULL"),
        partial_index("ix_api_keys_name_sought", "name_sought", where="name_sought IS NOT NULL"),
        partial_index("ix_api_keys_note_sought", "note_sought", where="note_sought IS NOT NULL"),
    )

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
    generation: int = Field(
        default=0, sa_column=Column(Integer, nullable=False, server_default="0")
    )
    rotated_by: bytes | None = Field(default=None, sa_column=Column(LargeBinary))  # which call
    limit_id: int | None = Field(
        default=None, sa_column=Column(BigInteger, ForeignKey("key_limits.id"))
    )
    name: str | None = Field(default=None, max_length=100)
    refund_address: str | None = Field(default=None, max_length=512)  # for when it has expired
    refund_next_at: int | None = Field(default=None, sa_column=Column(BigInteger))
    refund_tries: int = Field(
        default=0, sa_column=Column(Integer, nullable=False, server_default="0")
    )
    refund_problem: str | None = Field(default=None, max_length=500)
    note: str | None = Field(default=None, max_length=200)  # the operator's, told to nobody else
    revoked_at: int | None = Field(default=None, sa_column=Column(BigInteger))  # ms
    # name and note as they are looked for: see ``sought`` in the repository
    name_sought: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    note_sought: bytes | None = Field(default=None, sa_column=Column(LargeBinary))


class ChildKey(SQLModel, table=True):
    """A key that spends its parent's account, inside a limit of its own (which may be no cap)."""

    __tablename__ = "child_keys"
    __table_args__ = (UniqueConstraint("parent", "number", name="uq_child_keys_number"),)

    id: int | None = Field(default=None, sa_column=Column(BIG_ID, primary_key=True))
    parent: int = Field(sa_column=Column(BigInteger, ForeignKey("api_keys.id"), nullable=False))
    number: int = Field(sa_column=Column(Integer, nullable=False))  # among its parent's, from 0
    limit_id: int = Field(
        sa_column=Column(BigInteger, ForeignKey("key_limits.id"), nullable=False, unique=True)
    )
    key_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False, unique=True))
    public_id: str = Field(max_length=64, index=True)
    name: str | None = Field(default=None, max_length=100)
    key_metadata: str = Field(default="{}", sa_column=Column("metadata", Text, nullable=False))
    created_at: int = Field(sa_column=Column(BigInteger, nullable=False))  # ms since the epoch
    expires_at: int | None = Field(default=None, sa_column=Column(BigInteger))
    revoked_at: int | None = Field(default=None, sa_column=Column(BigInteger))
    made_by: bytes | None = Field(default=None, sa_column=Column(LargeBinary))  # which call


class InvoiceRow(SQLModel, table=True):
    """Who may ask what became of a Lightning invoice: whoever knows the id that was told once."""

    __tablename__ = "invoices"
    __table_args__ = (Index("ix_invoices_client", "client", "expires_at"),)

    quote: int = Field(
        sa_column=Column(
            BigInteger, ForeignKey("mint_quotes.id"), primary_key=True, autoincrement=False
        )
    )
    claim: bytes = Field(sa_column=Column(LargeBinary, nullable=False, unique=True))  # keyed hash
    client: bytes = Field(sa_column=Column(LargeBinary, nullable=False))  # keyed hash
    expires_at: int = Field(sa_column=Column(BigInteger, nullable=False))  # ms since the epoch


class ProviderObject(SQLModel, table=True):
    """Something that a provider keeps for a key: a response, a file, a batch."""

    __tablename__ = "provider_objects"
    __table_args__ = (
        Index("ix_provider_objects_account", "account", "kind", "created_at"),
        Index("ix_provider_objects_created", "created_at"),
    )

    id: str = Field(max_length=255, primary_key=True)  # the provider's
    account: int = Field(sa_column=Column(BigInteger, ForeignKey("accounts.id"), nullable=False))
    child: str = Field(max_length=64)  # public id of the child key; empty: the account's own key
    provider: str = Field(max_length=64)
    kind: str = Field(max_length=64)
    body: str = Field(sa_column=Column(Text, nullable=False))  # as the provider last told it
    created_at: int = Field(sa_column=Column(BigInteger, nullable=False))  # ms since the epoch
