"""Payments over Lightning: what a mint kept of the amount that was set aside.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sagas", sa.Column("spent", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("sagas", "spent")
