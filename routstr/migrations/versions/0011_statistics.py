"""What was earned and how requests went, by hours and days; alerts; switches.

Revision ID: 0011
Revises: 0010
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def _key(name: str, width: int = 0) -> "sa.Column[Any]":
    kind: sa.types.TypeEngine[Any] = sa.String(length=width) if width else sa.BigInteger()
    return sa.Column(name, kind, autoincrement=False, nullable=False)


def _whole(*names: str) -> "list[sa.Column[int]]":
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]


def upgrade() -> None:
    op.add_column(
        "holds", sa.Column("provider", sa.String(length=255), nullable=False, server_default="")
    )
    op.add_column(
        "holds", sa.Column("own_cost", sa.BigInteger(), nullable=False, server_default="0")
    )
    op.create_table(
        "usage_sums",
        *(_key("span"), _key("start"), _key("model", 255), _key("provider", 255)),
        *_whole("requests", "prompt_tokens", "completion_tokens"),
        *_whole("charged", "lost", "other", "own_cost"),
        sa.PrimaryKeyConstraint("span", "start", "model", "provider"),
    )
    op.create_table("usage_progress", _key("id"), *_whole("upto"), sa.PrimaryKeyConstraint("id"))
    op.create_table(
        "traffic_sums",
        *(_key("span"), _key("start"), _key("endpoint", 64), _key("status"), _key("code", 64)),
        *_whole("requests"),
        sa.PrimaryKeyConstraint("span", "start", "endpoint", "status", "code"),
    )
    op.create_table(
        "latency_sums",
        *(_key("span"), _key("start"), _key("measure"), _key("bucket")),
        *_whole("requests"),
        sa.PrimaryKeyConstraint("span", "start", "measure", "bucket"),
    )
    op.create_table(
        "alerts",
        *(_key("name", 64), _key("subject", 512)),
        *_whole("since", "seen_at"),
        sa.Column("cleared_at", sa.BigInteger(), nullable=True),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("owed", sa.Boolean(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", "subject"),
    )
    op.create_table(
        "switches",
        _key("name", 64),
        *_whole("since"),
        sa.PrimaryKeyConstraint("name"),
    )


def downgrade() -> None:
    for table in (
        "switches",
        "alerts",
        "latency_sums",
        "traffic_sums",
        "usage_progress",
        "usage_sums",
    ):
        op.drop_table(table)
    op.drop_column("holds", "own_cost")
    op.drop_column("holds", "provider")
