"""How far the proofs were compared with their mints.

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reconciliations",
        sa.Column("mint", sa.String(length=512), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("trusted", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("mint"),
    )
    op.create_table(
        "doubted_proofs",
        sa.Column("proof", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["proof"], ["proofs.id"]),
        sa.PrimaryKeyConstraint("proof"),
    )


def downgrade() -> None:
    op.drop_table("doubted_proofs")
    op.drop_table("reconciliations")
