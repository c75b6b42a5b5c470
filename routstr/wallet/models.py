"""Tables of the wallet. Only :mod:`routstr.wallet` writes here.

A proof's secret is not stored: it follows from the seed, the keyset and the counter (NUT-13).
Tokens, coming in or going out, are stored sealed with the node's key.
"""

from enum import IntEnum
from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
    UniqueConstraint,
    literal_column,
)
from sqlmodel import Field, SQLModel, col

from routstr.core.db.partial_index import partial_index

BIG_ID = BigInteger().with_variant(Integer, "sqlite")


class ProofStatus(IntEnum):
    """Where a proof of this wallet stands."""

    UNSPENT = 0
    RESERVED = 1  # an open saga spends it
    SPENT = 2
    ISSUED = 3  # inside a token that was given out and is not known to be redeemed


class SagaKind(IntEnum):
    """Which movement a saga is."""

    RECEIVE = 1
    SEND = 2
    MINT = 3  # ecash for a paid Lightning invoice
    MELT = 4  # a Lightning payment for ecash
    CONSOLIDATE = 5  # own proofs for others of one's own
    FORWARD = 6  # somebody's token pays an invoice of another mint


class SagaState(IntEnum):
    """A saga is open until the mint has said what happened."""

    OPEN = 0
    DONE = 1
    FAILED = 2


class IssuedState(IntEnum):
    """What became of a token that was given out."""

    UNCLAIMED = 0
    CLAIMED = 1


class QuoteState(IntEnum):
    """How far a mint quote is, as this wallet knows it."""

    UNPAID = 0
    PAID = 1  # a saga takes its ecash
    ISSUED = 2  # the ecash is here
    EXPIRED = 3  # long over, and unpaid when the mint was asked last
    LOST = 4  # the mint says that somebody else took the ecash


class KeysetRow(SQLModel, table=True):
    """A keyset of a listed mint, and the next unused counter of this wallet in it."""

    __tablename__ = "keysets"
    __table_args__ = (UniqueConstraint("mint", "keyset_id", name="uq_keysets_mint_id"),)

    id: int | None = Field(default=None, sa_column=Column(BIG_ID, primary_key=True))
    mint: str = Field(max_length=512)
    keyset_id: str = Field(max_length=66)
    unit: str = Field(max_length=16)
    active: bool
    input_fee_ppk: int = Field(sa_column=Column(BigInteger, nullable=False))
    final_expiry: int | None = Field(default=None, sa_column=Column(BigInteger))
    keys: str = Field(sa_column=Column(Text, nullable=False))  # JSON: amount -> hex point
    counter: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))


class ProofRow(SQLModel, table=True):
    """One proof: ``amount`` in the keyset's unit."""

    __tablename__ = "proofs"
    __table_args__ = (
        UniqueConstraint("keyset", "counter", name="uq_proofs_counter"),
        CheckConstraint("amount > 0", name="ck_proofs_amount"),
        partial_index("ix_proofs_held", "keyset", "status", where="status <> 2"),
        Index("ix_proofs_saga", "saga"),
    )

    id: int | None = Field(default=None, sa_column=Column(BIG_ID, primary_key=True))
    keyset: int = Field(sa_column=Column(BigInteger, ForeignKey("keysets.id"), nullable=False))
    counter: int = Field(sa_column=Column(BigInteger, nullable=False))
    amount: int = Field(sa_column=Column(BigInteger, nullable=False))
    c: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    y: bytes = Field(sa_column=Column(LargeBinary, nullable=False, unique=True))
    dleq: bytes | None = Field(default=None, sa_column=Column(LargeBinary))  # e, s: 64 bytes
    status: int = Field(default=0, sa_column=Column(SmallInteger, nullable=False))
    saga: int | None = Field(default=None, sa_column=Column(BigInteger))  # that spends or issued it


NOT_SPENT: Final[ColumnElement[bool]] = col(ProofRow.status) != literal_column(
    str(int(ProofStatus.SPENT))
)
"""What a query for held proofs says beside their status, in the words of ``ix_proofs_held``: with
parameters alone SQLite would look through all that were ever spent."""


class SagaRow(SQLModel, table=True):
    """One movement at a mint, from durable intent to outcome."""

    __tablename__ = "sagas"
    __table_args__ = (
        partial_index("ix_sagas_open", "id", where="state = 0"),
        Index("ix_sagas_account", "account"),
    )

    id: int | None = Field(default=None, sa_column=Column(BIG_ID, primary_key=True))
    kind: int = Field(sa_column=Column(SmallInteger, nullable=False))
    state: int = Field(default=0, sa_column=Column(SmallInteger, nullable=False))
    purpose: str = Field(max_length=32)
    account: int | None = Field(default=None, sa_column=Column(BigInteger))
    mint: str = Field(max_length=512)
    unit: str = Field(max_length=16)
    gross: int = Field(sa_column=Column(BigInteger, nullable=False))  # in the unit, fee included
    fee: int = Field(sa_column=Column(BigInteger, nullable=False))  # the mint's, in the unit
    spent: int | None = Field(default=None, sa_column=Column(BigInteger))  # melt: of gross
    plan: bytes = Field(sa_column=Column(LargeBinary, nullable=False))  # sealed
    context: str = Field(sa_column=Column(Text, nullable=False))  # JSON, the purpose's own
    lease_owner: int = Field(sa_column=Column(BigInteger, nullable=False))  # instance
    lease_epoch: int = Field(default=1, sa_column=Column(BigInteger, nullable=False))
    problem: str | None = Field(default=None, max_length=500)
    created_at: int = Field(sa_column=Column(BigInteger, nullable=False))
    ended_at: int | None = Field(default=None, sa_column=Column(BigInteger))


class ClaimedY(SQLModel, table=True):
    """A proof that someone gave to this node: whoever comes first owns its saga."""

    __tablename__ = "claimed_y"
    __table_args__ = (Index("ix_claimed_y_saga", "saga"),)

    y: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    saga: int = Field(sa_column=Column(BigInteger, ForeignKey("sagas.id"), nullable=False))


class IssuedToken(SQLModel, table=True):
    """A token given out, kept until its owner has redeemed it."""

    __tablename__ = "issued_tokens"
    __table_args__ = (
        Index("ix_issued_account", "account", "saga"),
        partial_index("ix_issued_unclaimed", "saga", where="state = 0"),
    )

    saga: int = Field(
        sa_column=Column(BigInteger, ForeignKey("sagas.id"), primary_key=True, autoincrement=False)
    )
    account: int = Field(sa_column=Column(BigInteger, nullable=False))
    mint: str = Field(max_length=512)
    unit: str = Field(max_length=16)
    amount: int = Field(sa_column=Column(BigInteger, nullable=False))  # face value in the unit
    token: bytes = Field(sa_column=Column(LargeBinary, nullable=False))  # sealed
    state: int = Field(default=0, sa_column=Column(SmallInteger, nullable=False))
    created_at: int = Field(sa_column=Column(BigInteger, nullable=False))
    claimed_at: int | None = Field(default=None, sa_column=Column(BigInteger))


class Reconciliation(SQLModel, table=True):
    """How far the proofs at a mint were compared with what the mint says of them."""

    __tablename__ = "reconciliations"

    mint: str = Field(primary_key=True, max_length=512)
    position: int = Field(sa_column=Column(BigInteger, nullable=False))  # the last proof compared
    asked_at: int = Field(sa_column=Column(BigInteger, nullable=False))  # ms since the epoch
    trusted: bool  # or all must be compared before one is given away


class DoubtedProof(SQLModel, table=True):
    """A proof that counts as the node's while its mint says that it is spent; not to be chosen."""

    __tablename__ = "doubted_proofs"

    proof: int = Field(
        sa_column=Column(BigInteger, ForeignKey("proofs.id"), primary_key=True, autoincrement=False)
    )
    since: int = Field(sa_column=Column(BigInteger, nullable=False))  # ms since the epoch


class QuoteRow(SQLModel, table=True):
    """An invoice that pays for new ecash, and what the ecash is for. Times are ms since 1970."""

    __tablename__ = "mint_quotes"
    __table_args__ = (
        partial_index("ix_mint_quotes_due", "poll_at", where="state = 0"),
        Index("ix_mint_quotes_payment_hash", "payment_hash"),
        Index("ix_mint_quotes_saga", "saga"),
    )

    id: int | None = Field(default=None, sa_column=Column(BIG_ID, primary_key=True))
    mint: str = Field(max_length=512)
    unit: str = Field(max_length=16)
    amount: int = Field(sa_column=Column(BigInteger, nullable=False))  # in the unit
    quote: bytes = Field(sa_column=Column(LargeBinary, nullable=False))  # the mint's id, sealed
    lock_index: int | None = Field(default=None, sa_column=Column(BigInteger))  # NUT-20
    request: str = Field(sa_column=Column(Text, nullable=False))  # bolt11
    payment_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    expires_at: int = Field(sa_column=Column(BigInteger, nullable=False))
    state: int = Field(default=0, sa_column=Column(SmallInteger, nullable=False))
    purpose: str = Field(max_length=32)
    account: int | None = Field(default=None, sa_column=Column(BigInteger))
    context: str = Field(sa_column=Column(Text, nullable=False))  # JSON, the purpose's own
    polls: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    polled_at: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    poll_at: int = Field(sa_column=Column(BigInteger, nullable=False))
    saga: int | None = Field(default=None, sa_column=Column(BigInteger, ForeignKey("sagas.id")))
    created_at: int = Field(sa_column=Column(BigInteger, nullable=False))
    paid_at: int | None = Field(default=None, sa_column=Column(BigInteger))  # when it was noticed


class MintSwapRow(SQLModel, table=True):
    """Ecash that moves from one listed mint to another, over Lightning.

    ``quote`` is the invoice of the target; ``melt`` pays it, null while nothing does.
    """

    __tablename__ = "mint_swaps"
    __table_args__ = (Index("ix_mint_swaps_created", "created_at"),)

    id: int | None = Field(default=None, sa_column=Column(BIG_ID, primary_key=True))
    source: str = Field(max_length=512)
    target: str = Field(max_length=512)
    amount: int = Field(sa_column=Column(BigInteger, nullable=False))  # msat that arrives
    quote: int = Field(
        sa_column=Column(BigInteger, ForeignKey("mint_quotes.id"), nullable=False, unique=True)
    )
    melt: int | None = Field(
        default=None, sa_column=Column(BigInteger, ForeignKey("sagas.id"), unique=True)
    )
    given_up: bool = Field(default=False)  # nothing will pay it
    created_at: int = Field(sa_column=Column(BigInteger, nullable=False))  # ms since 1970
