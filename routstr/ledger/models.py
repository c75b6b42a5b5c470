"""Tables of the ledger. ``transfers`` is append-only; running totals live on the account.

Only :mod:`routstr.ledger` writes here. The triggers that forbid changing ``transfers`` are part of
the migration (:mod:`routstr.ledger.guards` has their text and checks at start that they exist).
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Text,
)
from sqlmodel import Field, SQLModel

from routstr.core.db.partial_index import partial_index

# a 64-bit key that is also SQLite's rowid
BIG_ID = BigInteger().with_variant(Integer, "sqlite")


class Account(SQLModel, table=True):
    """One owner of msat. ``posted`` = credits - debits; ``available`` = posted - held."""

    __tablename__ = "accounts"
    __table_args__ = (
        CheckConstraint("overdraft OR posted - held >= 0", name="ck_accounts_available"),
        CheckConstraint("held >= 0", name="ck_accounts_held"),
    )

    id: int | None = Field(default=None, sa_column=Column(BIG_ID, primary_key=True))
    kind: int = Field(sa_column=Column(SmallInteger, nullable=False))
    name: str | None = Field(default=None, unique=True, max_length=255)  # node accounts only
    overdraft: bool = Field(default=False)
    closed: bool = Field(default=False)
    posted: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    held: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    deposited: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    spent: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    requests: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    # grows when what is known of the account's key is to be read again
    version: int = Field(
        default=0, sa_column=Column(BigInteger, nullable=False, server_default="0")
    )
    created_at: int = Field(sa_column=Column(BigInteger, nullable=False))  # ms since the epoch
    last_used_at: int | None = Field(default=None, sa_column=Column(BigInteger))


class Transfer(SQLModel, table=True):
    """One movement of msat from the debited to the credited account; never changed."""

    __tablename__ = "transfers"
    __table_args__ = (
        CheckConstraint("amount > 0", name="ck_transfers_amount"),
        CheckConstraint("debit <> credit", name="ck_transfers_two_accounts"),
        Index("ix_transfers_debit", "debit", "id"),
        # every charge credits revenue: only what clients look up by its credited side is indexed
        partial_index("ix_transfers_credit", "credit", "id", where="kind <> 2"),
        partial_index("ix_transfers_kind", "kind", "id", where="kind <> 2"),
    )

    id: int | None = Field(default=None, sa_column=Column(BIG_ID, primary_key=True))
    debit: int = Field(sa_column=Column(BigInteger, ForeignKey("accounts.id"), nullable=False))
    credit: int = Field(sa_column=Column(BigInteger, ForeignKey("accounts.id"), nullable=False))
    amount: int = Field(sa_column=Column(BigInteger, nullable=False))
    kind: int = Field(sa_column=Column(SmallInteger, nullable=False))
    key: bytes = Field(sa_column=Column(LargeBinary, nullable=False, unique=True))
    reference: int = Field(sa_column=Column(BigInteger, nullable=False))  # hold or saga, by kind
    balance_after: int | None = Field(default=None, sa_column=Column(BigInteger))
    created_at: int = Field(sa_column=Column(BigInteger, nullable=False))


class Hold(SQLModel, table=True):
    """A pending charge and, once it has ended, the record of the request."""

    __tablename__ = "holds"
    __table_args__ = (
        CheckConstraint("amount >= 0", name="ck_holds_amount"),
        CheckConstraint("charged >= 0 AND charged <= amount", name="ck_holds_charged"),
        partial_index("ix_holds_open", "owner", where="state = 0"),
    )

    id: int | None = Field(default=None, sa_column=Column(BIG_ID, primary_key=True))
    account: int = Field(sa_column=Column(BigInteger, ForeignKey("accounts.id"), nullable=False))
    amount: int = Field(sa_column=Column(BigInteger, nullable=False))
    state: int = Field(default=0, sa_column=Column(SmallInteger, nullable=False))
    charged: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    uncollected: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    owner: int = Field(sa_column=Column(BigInteger, nullable=False))
    request_id: str = Field(max_length=64)
    model: str = Field(max_length=255)
    endpoint: str = Field(max_length=64)
    price_version: int = Field(sa_column=Column(BigInteger, nullable=False))
    rates: str = Field(max_length=512)
    prompt_tokens: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    completion_tokens: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    estimated: bool = Field(default=False)
    # who served it, and what that costs the operator by the provider's own prices; msat
    provider: str = Field(
        default="", sa_column=Column(String(255), nullable=False, server_default="")
    )
    own_cost: int = Field(
        default=0, sa_column=Column(BigInteger, nullable=False, server_default="0")
    )
    created_at: int = Field(sa_column=Column(BigInteger, nullable=False))
    ended_at: int | None = Field(default=None, sa_column=Column(BigInteger))
    limit_id: int | None = Field(
        default=None, sa_column=Column(BigInteger, ForeignKey("key_limits.id"))
    )
    # when the limit's period began in which the hold counts; ms
    limit_period: int | None = Field(default=None, sa_column=Column(BigInteger))


class KeyLimit(SQLModel, table=True):
    """What one key may spend of its account, and has: in its current period and ever."""

    __tablename__ = "key_limits"
    __table_args__ = (
        CheckConstraint("cap >= 0", name="ck_key_limits_cap"),
        CheckConstraint("held >= 0", name="ck_key_limits_held"),
        CheckConstraint(
            "forgiven >= 0 AND forgiven <= spent AND spent <= total_spent",
            name="ck_key_limits_spent",
        ),
    )

    id: int | None = Field(default=None, sa_column=Column(BIG_ID, primary_key=True))
    account: int = Field(
        sa_column=Column(BigInteger, ForeignKey("accounts.id"), nullable=False, index=True)
    )
    version: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    cap: int | None = Field(default=None, sa_column=Column(BigInteger))  # none: it only counts
    reset: int = Field(default=0, sa_column=Column(SmallInteger, nullable=False))
    period: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))  # its start, ms
    spent: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    forgiven: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    held: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    total_spent: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    total_requests: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))


class Instance(SQLModel, table=True):
    """One running process; its holds expire when it is not seen any more."""

    __tablename__ = "instances"

    id: int | None = Field(default=None, sa_column=Column(BIG_ID, primary_key=True))
    name: str = Field(max_length=255)
    started_at: int = Field(sa_column=Column(BigInteger, nullable=False))
    seen_at: int = Field(sa_column=Column(BigInteger, nullable=False))  # the database's clock, ms
    stopped_at: int | None = Field(default=None, sa_column=Column(BigInteger))
    # which revenue account it credits; none: an older version's, which knows of one only
    shard: int | None = Field(default=None, sa_column=Column(SmallInteger))
    # which schema its program was written for; none: one before 0021
    revision: str | None = Field(default=None, max_length=16)


class Verification(SQLModel, table=True):
    """The state of verification, for all instances: one row, or none before the first time."""

    __tablename__ = "verifications"

    id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    version: int = Field(sa_column=Column(BigInteger, nullable=False))  # grows with each change
    proven: str | None = Field(default=None, sa_column=Column(Text))  # JSON of a Checkpoint
    full_at: int | None = Field(default=None, sa_column=Column(BigInteger))  # ms
    closed_at: int | None = Field(default=None, sa_column=Column(BigInteger))  # deposits; ms
    reason: str | None = Field(default=None, sa_column=Column(Text))  # names of equations


class VerifiedAccount(SQLModel, table=True):
    """What an account's transfers with ids up to ``upto`` add up to, as it was proven."""

    __tablename__ = "verified_accounts"

    account: int = Field(
        sa_column=Column(
            BigInteger, ForeignKey("accounts.id"), primary_key=True, autoincrement=False
        )
    )
    upto: int = Field(sa_column=Column(BigInteger, nullable=False))
    posted: int = Field(sa_column=Column(BigInteger, nullable=False))
    spent: int = Field(sa_column=Column(BigInteger, nullable=False))
    deposited: int = Field(sa_column=Column(BigInteger, nullable=False))
