"""Accounts, transfers, holds; keys; keysets, proofs and sagas.

Revision ID: 0001
Revises: nothing
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# transfers are never changed: the database itself says so
_APPEND_ONLY = {
    "sqlite": (
        """CREATE TRIGGER transfers_no_update BEFORE UPDATE ON transfers
        BEGIN SELECT RAISE(ABORT, 'transfers are append-only'); END""",
        """CREATE TRIGGER transfers_no_delete BEFORE DELETE ON transfers
        BEGIN SELECT RAISE(ABORT, 'transfers are append-only'); END""",
    ),
    "postgresql": (
        """CREATE FUNCTION transfers_append_only() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'transfers are append-only'; END $$""",
        """CREATE TRIGGER transfers_no_change BEFORE UPDATE OR DELETE ON transfers
        FOR EACH ROW EXECUTE FUNCTION transfers_append_only()""",
        """CREATE TRIGGER transfers_no_truncate BEFORE TRUNCATE ON transfers
        FOR EACH STATEMENT EXECUTE FUNCTION transfers_append_only()""",
    ),
}


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=True),
        sa.Column("overdraft", sa.Boolean(), nullable=False),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.Column("posted", sa.BigInteger(), nullable=False),
        sa.Column("held", sa.BigInteger(), nullable=False),
        sa.Column("deposited", sa.BigInteger(), nullable=False),
        sa.Column("spent", sa.BigInteger(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_used_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("held >= 0", name="ck_accounts_held"),
        sa.CheckConstraint("overdraft OR posted - held >= 0", name="ck_accounts_available"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "instances",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("stopped_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "keysets",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("mint", sa.String(length=512), nullable=False),
        sa.Column("keyset_id", sa.String(length=66), nullable=False),
        sa.Column("unit", sa.String(length=16), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("input_fee_ppk", sa.BigInteger(), nullable=False),
        sa.Column("final_expiry", sa.BigInteger(), nullable=True),
        sa.Column("keys", sa.Text(), nullable=False),
        sa.Column("counter", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("mint", "keyset_id", name="uq_keysets_mint_id"),
    )
    op.create_table(
        "node_values",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "write_marks",
        sa.Column("writer", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("batch", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("writer"),
    )
    op.create_table(
        "sagas",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("purpose", sa.String(length=32), nullable=False),
        sa.Column("account", sa.BigInteger(), nullable=True),
        sa.Column("mint", sa.String(length=512), nullable=False),
        sa.Column("unit", sa.String(length=16), nullable=False),
        sa.Column("gross", sa.BigInteger(), nullable=False),
        sa.Column("fee", sa.BigInteger(), nullable=False),
        sa.Column("plan", sa.LargeBinary(), nullable=False),
        sa.Column("context", sa.Text(), nullable=False),
        sa.Column("lease_owner", sa.BigInteger(), nullable=False),
        sa.Column("lease_epoch", sa.BigInteger(), nullable=False),
        sa.Column("problem", sa.String(length=500), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_sagas_account", "sagas", ["account"], unique=False)
    op.create_index(
        "ix_sagas_open",
        "sagas",
        ["id"],
        unique=False,
        sqlite_where=sa.text("state = 0"),
        postgresql_where=sa.text("state = 0"),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("account", sa.BigInteger(), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("public_id", sa.String(length=64), nullable=False),
        sa.Column("mint", sa.String(length=512), nullable=False),
        sa.Column("unit", sa.String(length=16), nullable=False),
        sa.Column("metadata", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["account"],
            ["accounts.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("account"),
        sa.UniqueConstraint("key_hash"),
    )
    op.create_index("ix_api_keys_public_id", "api_keys", ["public_id"], unique=False)
    op.create_table(
        "claimed_y",
        sa.Column("y", sa.LargeBinary(), nullable=False),
        sa.Column("saga", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["saga"],
            ["sagas.id"],
        ),
        sa.PrimaryKeyConstraint("y"),
    )
    op.create_index("ix_claimed_y_saga", "claimed_y", ["saga"], unique=False)
    op.create_table(
        "holds",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("account", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("charged", sa.BigInteger(), nullable=False),
        sa.Column("uncollected", sa.BigInteger(), nullable=False),
        sa.Column("owner", sa.BigInteger(), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column("model", sa.String(length=255), nullable=False),
        sa.Column("endpoint", sa.String(length=64), nullable=False),
        sa.Column("price_version", sa.BigInteger(), nullable=False),
        sa.Column("rates", sa.String(length=512), nullable=False),
        sa.Column("prompt_tokens", sa.BigInteger(), nullable=False),
        sa.Column("completion_tokens", sa.BigInteger(), nullable=False),
        sa.Column("estimated", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("amount >= 0", name="ck_holds_amount"),
        sa.CheckConstraint("charged >= 0 AND charged <= amount", name="ck_holds_charged"),
        sa.ForeignKeyConstraint(
            ["account"],
            ["accounts.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_holds_open",
        "holds",
        ["owner"],
        unique=False,
        sqlite_where=sa.text("state = 0"),
        postgresql_where=sa.text("state = 0"),
    )
    op.create_table(
        "issued_tokens",
        sa.Column("saga", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account", sa.BigInteger(), nullable=False),
        sa.Column("mint", sa.String(length=512), nullable=False),
        sa.Column("unit", sa.String(length=16), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("claimed_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["saga"],
            ["sagas.id"],
        ),
        sa.PrimaryKeyConstraint("saga"),
    )
    op.create_index("ix_issued_account", "issued_tokens", ["account", "saga"], unique=False)
    op.create_index(
        "ix_issued_unclaimed",
        "issued_tokens",
        ["saga"],
        unique=False,
        sqlite_where=sa.text("state = 0"),
        postgresql_where=sa.text("state = 0"),
    )
    op.create_table(
        "proofs",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("keyset", sa.BigInteger(), nullable=False),
        sa.Column("counter", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("c", sa.LargeBinary(), nullable=False),
        sa.Column("y", sa.LargeBinary(), nullable=False),
        sa.Column("dleq", sa.LargeBinary(), nullable=True),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("saga", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("amount > 0", name="ck_proofs_amount"),
        sa.ForeignKeyConstraint(
            ["keyset"],
            ["keysets.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("keyset", "counter", name="uq_proofs_counter"),
        sa.UniqueConstraint("y"),
    )
    op.create_index(
        "ix_proofs_held",
        "proofs",
        ["keyset", "status"],
        unique=False,
        sqlite_where=sa.text("status <> 2"),
        postgresql_where=sa.text("status <> 2"),
    )
    op.create_index("ix_proofs_saga", "proofs", ["saga"], unique=False)
    op.create_table(
        "transfers",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("debit", sa.BigInteger(), nullable=False),
        sa.Column("credit", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("reference", sa.BigInteger(), nullable=False),
        sa.Column("balance_after", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount > 0", name="ck_transfers_amount"),
        sa.CheckConstraint("debit <> credit", name="ck_transfers_two_accounts"),
        sa.ForeignKeyConstraint(
            ["credit"],
            ["accounts.id"],
        ),
        sa.ForeignKeyConstraint(
            ["debit"],
            ["accounts.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    op.create_index(
        "ix_transfers_credit",
        "transfers",
        ["credit", "id"],
        unique=False,
        sqlite_where=sa.text("kind <> 2"),
        postgresql_where=sa.text("kind <> 2"),
    )
    op.create_index("ix_transfers_debit", "transfers", ["debit", "id"], unique=False)
    for statement in _APPEND_ONLY[op.get_bind().dialect.name]:
        op.execute(statement)


def downgrade() -> None:
    op.drop_index("ix_transfers_debit", table_name="transfers")
    op.drop_index(
        "ix_transfers_credit",
        table_name="transfers",
        sqlite_where=sa.text("kind <> 2"),
        postgresql_where=sa.text("kind <> 2"),
    )
    op.drop_table("transfers")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION transfers_append_only()")
    op.drop_index("ix_proofs_saga", table_name="proofs")
    op.drop_index(
        "ix_proofs_held",
        table_name="proofs",
        sqlite_where=sa.text("status <> 2"),
        postgresql_where=sa.text("status <> 2"),
    )
    op.drop_table("proofs")
    op.drop_index(
        "ix_issued_unclaimed",
        table_name="issued_tokens",
        sqlite_where=sa.text("state = 0"),
        postgresql_where=sa.text("state = 0"),
    )
    op.drop_index("ix_issued_account", table_name="issued_tokens")
    op.drop_table("issued_tokens")
    op.drop_index(
        "ix_holds_open",
        table_name="holds",
        sqlite_where=sa.text("state = 0"),
        postgresql_where=sa.text("state = 0"),
    )
    op.drop_table("holds")
    op.drop_index("ix_claimed_y_saga", table_name="claimed_y")
    op.drop_table("claimed_y")
    op.drop_index("ix_api_keys_public_id", table_name="api_keys")
    op.drop_table("api_keys")
    op.drop_index(
        "ix_sagas_open",
        table_name="sagas",
        sqlite_where=sa.text("state = 0"),
        postgresql_where=sa.text("state = 0"),
    )
    op.drop_index("ix_sagas_account", table_name="sagas")
    op.drop_table("sagas")
    op.drop_table("write_marks")
    op.drop_table("node_values")
    op.drop_table("keysets")
    op.drop_table("instances")
    op.drop_table("accounts")
