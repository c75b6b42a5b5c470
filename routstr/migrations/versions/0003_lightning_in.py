"""Invoices that pay in over Lightning: mint quotes, and whom they are for.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "mint_quotes",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("mint", sa.String(length=512), nullable=False),
        sa.Column("unit", sa.String(length=16), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("quote", sa.LargeBinary(), nullable=False),
        sa.Column("lock_index", sa.BigInteger(), nullable=True),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("payment_hash", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("purpose", sa.String(length=32), nullable=False),
        sa.Column("account", sa.BigInteger(), nullable=True),
        sa.Column("context", sa.Text(), nullable=False),
        sa.Column("polls", sa.BigInteger(), nullable=False),
        sa.Column("polled_at", sa.BigInteger(), nullable=False),
        sa.Column("poll_at", sa.BigInteger(), nullable=False),
        sa.Column("saga", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("paid_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["saga"],
            ["sagas.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_mint_quotes_due",
        "mint_quotes",
        ["poll_at"],
        unique=False,
        sqlite_where=sa.text("state = 0"),
        postgresql_where=sa.text("state = 0"),
    )
    op.create_index("ix_mint_quotes_payment_hash", "mint_quotes", ["payment_hash"], unique=False)
    op.create_index("ix_mint_quotes_saga", "mint_quotes", ["saga"], unique=False)
    op.create_table(
        "invoices",
        sa.Column("quote", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("claim", sa.LargeBinary(), nullable=False),
        sa.Column("client", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["quote"],
            ["mint_quotes.id"],
        ),
        sa.PrimaryKeyConstraint("quote"),
        sa.UniqueConstraint("claim"),
    )
    op.create_index("ix_invoices_client", "invoices", ["client", "expires_at"], unique=False)


def downgrade() -> None:
    op.drop_table("invoices")
    op.drop_table("mint_quotes")
