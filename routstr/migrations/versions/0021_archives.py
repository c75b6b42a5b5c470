"""Old charges may leave for a signed archive; nothing else may ever leave.

Revision ID: 0021
Revises: 0020
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_NEW = {
    "sqlite": (
        "DROP TRIGGER transfers_no_delete",
        """CREATE TRIGGER transfers_no_delete BEFORE DELETE ON transfers
        WHEN OLD.kind <> 2
        OR OLD.id > (SELECT coalesce(max(upto), 0) FROM archives WHERE ended_at IS NULL)
        BEGIN SELECT RAISE(ABORT, 'transfers are append-only'); END""",
    ),
    "postgresql": (
        """CREATE OR REPLACE FUNCTION transfers_append_only() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN
        IF TG_OP = 'DELETE' THEN
          IF OLD.kind = 2 AND OLD.id <=
             (SELECT coalesce(max(upto), 0) FROM archives WHERE ended_at IS NULL) THEN
            RETURN OLD;
          END IF;
        END IF;
        RAISE EXCEPTION 'transfers are append-only';
        END $$""",
    ),
}
_OLD = {
    "sqlite": (
        "DROP TRIGGER transfers_no_delete",
        """CREATE TRIGGER transfers_no_delete BEFORE DELETE ON transfers
        BEGIN SELECT RAISE(ABORT, 'transfers are append-only'); END""",
    ),
    "postgresql": (
        """CREATE OR REPLACE FUNCTION transfers_append_only() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'transfers are append-only'; END $$""",
    ),
}


def upgrade() -> None:
    op.add_column("instances", sa.Column("revision", sa.String(length=16), nullable=True))
    op.create_table(
        "archives",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("upto", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.Column("proof", sa.LargeBinary(), nullable=False),
        sa.Column("parts", sa.BigInteger(), nullable=False),
        sa.Column("removed", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("upto"),
    )
    op.create_table(
        "opening_balances",
        sa.Column("account", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("posted", sa.BigInteger(), nullable=False),
        sa.Column("spent", sa.BigInteger(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"]),
        sa.PrimaryKeyConstraint("account"),
    )
    op.create_table(
        "opening_limits",
        sa.Column("limit_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("period", sa.BigInteger(), nullable=False),
        sa.Column("spent", sa.BigInteger(), nullable=False),
        sa.Column("total_spent", sa.BigInteger(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["limit_id"], ["key_limits.id"]),
        sa.PrimaryKeyConstraint("limit_id"),
    )
    _run(_NEW)


def downgrade() -> None:
    archived = sa.text("SELECT count(*) FROM archives")
    if op.get_bind().execute(archived).scalar_one():
        raise RuntimeError("Older versions cannot prove books of which a part is archived.")
    _run(_OLD)
    op.drop_table("opening_limits")
    op.drop_table("opening_balances")
    op.drop_table("archives")
    op.drop_column("instances", "revision")


def _run(statements: dict[str, tuple[str, ...]]) -> None:
    for statement in statements[op.get_context().dialect.name]:
        op.execute(statement)
