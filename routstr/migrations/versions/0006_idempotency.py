"""Answers kept for repeated requests.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "idempotency",
        sa.Column("scope", sa.LargeBinary(), nullable=False),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.Column("operation", sa.LargeBinary(), nullable=False),
        sa.Column("attempt", sa.LargeBinary(), nullable=False),
        sa.Column("owner", sa.BigInteger(), nullable=True),
        sa.Column("paid_request", sa.String(length=64), nullable=True),
        sa.Column("holds_before", sa.BigInteger(), nullable=True),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("scope"),
    )
    op.create_index("ix_idempotency_expires", "idempotency", ["expires_at"])


def downgrade() -> None:
    op.drop_index("ix_idempotency_expires", table_name="idempotency")
    op.drop_table("idempotency")
