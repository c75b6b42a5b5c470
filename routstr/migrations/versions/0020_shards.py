"""Which revenue account an instance credits.

Revision ID: 0020
Revises: 0019
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("instances", sa.Column("shard", sa.SmallInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("instances", "shard")
