"""What the operator has asked for by name.

Revision ID: 0013
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "operator_calls",
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("request", sa.String(length=64), nullable=False),
        sa.Column("saga", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["saga"], ["sagas.id"]),
        sa.PrimaryKeyConstraint("name"),
        sa.UniqueConstraint("saga"),
    )


def downgrade() -> None:
    op.drop_table("operator_calls")
