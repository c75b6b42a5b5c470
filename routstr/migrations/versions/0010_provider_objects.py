"""What providers keep for keys.

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "provider_objects",
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("account", sa.BigInteger(), nullable=False),
        sa.Column("child", sa.String(length=64), nullable=False),
        sa.Column("provider", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_provider_objects_account", "provider_objects", ["account", "kind", "created_at"]
    )
    op.create_index("ix_provider_objects_created", "provider_objects", ["created_at"])


def downgrade() -> None:
    op.drop_table("provider_objects")
