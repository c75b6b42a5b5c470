"""Ecash that moves from one mint to another.

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "mint_swaps",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("source", sa.String(length=512), nullable=False),
        sa.Column("target", sa.String(length=512), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("quote", sa.BigInteger(), nullable=False),
        sa.Column("melt", sa.BigInteger(), nullable=True),
        sa.Column("given_up", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["melt"],
            ["sagas.id"],
        ),
        sa.ForeignKeyConstraint(
            ["quote"],
            ["mint_quotes.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("melt"),
        sa.UniqueConstraint("quote"),
    )
    op.create_index("ix_mint_swaps_created", "mint_swaps", ["created_at"], unique=False)


def downgrade() -> None:
    op.drop_table("mint_swaps")
