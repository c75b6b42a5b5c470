"""Limits and child keys; names, rotation, and refunds of expired keys.

Columns are added in place: nothing that protects money is rebuilt. The way back is refused while
there are child keys or limits, which the older schema cannot express.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# as text, since alembic adds no column with a reference on SQLite
_ADDED = {
    "accounts": ("version BIGINT NOT NULL DEFAULT 0",),
    "holds": ("limit_id BIGINT REFERENCES key_limits (id)", "limit_period BIGINT"),
    "api_keys": (
        "generation INTEGER NOT NULL DEFAULT 0",
        "rotated_by {blob}",
        "limit_id BIGINT REFERENCES key_limits (id)",
        "name VARCHAR(100)",
        "refund_address VARCHAR(512)",
        "refund_next_at BIGINT",
        "refund_tries INTEGER NOT NULL DEFAULT 0",
        "refund_problem VARCHAR(500)",
    ),
}


def upgrade() -> None:
    op.create_table(
        "key_limits",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("account", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("cap", sa.BigInteger(), nullable=True),
        sa.Column("reset", sa.SmallInteger(), nullable=False),
        sa.Column("period", sa.BigInteger(), nullable=False),
        sa.Column("spent", sa.BigInteger(), nullable=False),
        sa.Column("forgiven", sa.BigInteger(), nullable=False),
        sa.Column("held", sa.BigInteger(), nullable=False),
        sa.Column("total_spent", sa.BigInteger(), nullable=False),
        sa.Column("total_requests", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("cap >= 0", name="ck_key_limits_cap"),
        sa.CheckConstraint("held >= 0", name="ck_key_limits_held"),
        sa.CheckConstraint(
            "forgiven >= 0 AND forgiven <= spent AND spent <= total_spent",
            name="ck_key_limits_spent",
        ),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_key_limits_account", "key_limits", ["account"], unique=False)
    blob = "BLOB" if op.get_bind().dialect.name == "sqlite" else "BYTEA"
    for table, columns in _ADDED.items():
        for column in columns:
            op.execute(f"ALTER TABLE {table} ADD COLUMN {column.format(blob=blob)}")
    op.create_index(
        "ix_api_keys_expiring",
        "api_keys",
        ["expires_at"],
        unique=False,
        sqlite_where=sa.text("refund_address IS NOT NULL"),
        postgresql_where=sa.text("refund_address IS NOT NULL"),
    )
    op.create_table(
        "child_keys",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("parent", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("limit_id", sa.BigInteger(), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("public_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=True),
        sa.Column("metadata", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("made_by", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["parent"], ["api_keys.id"]),
        sa.ForeignKeyConstraint(["limit_id"], ["key_limits.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key_hash"),
        sa.UniqueConstraint("limit_id"),
        sa.UniqueConstraint("parent", "number", name="uq_child_keys_number"),
    )
    op.create_index("ix_child_keys_public_id", "child_keys", ["public_id"], unique=False)


def downgrade() -> None:
    # every child key has a limit, too
    limits = op.get_bind().execute(sa.text("SELECT count(*) FROM key_limits")).scalar_one()
    if limits:
        raise ValueError(
            f"{limits} keys have a limit or are child keys, which the older version does not know: "
            "it would let them spend without a limit, or not know them. Stay with this version."
        )
    op.drop_index("ix_child_keys_public_id", table_name="child_keys")
    op.drop_table("child_keys")
    op.drop_index("ix_api_keys_expiring", table_name="api_keys")
    for table, columns in reversed(_ADDED.items()):
        for column in columns:
            op.execute(f"ALTER TABLE {table} DROP COLUMN {column.split()[0]}")
    op.drop_index("ix_key_limits_account", table_name="key_limits")
    op.drop_table("key_limits")
