"""What the operator stores about single models of providers.

Revision ID: 0016
Revises: 0015
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "model_overrides",
        sa.Column("id", _ID, nullable=False),
        sa.Column("provider", sa.BigInteger(), nullable=False),
        sa.Column("sought", sa.String(length=256), nullable=False),
        sa.Column("entry", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("provider", "sought", name="uq_model_overrides_model"),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    op.drop_table("model_overrides")
