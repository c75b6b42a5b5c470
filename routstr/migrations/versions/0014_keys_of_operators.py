"""What an operator does with keys: notes, revocation, search by the beginning of a name.

Revision ID: 0014
Revises: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_NO_CHARGE = sa.text("kind <> 2")


def upgrade() -> None:
    for column in (
        sa.Column("note", sa.String(length=200), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("name_sought", sa.LargeBinary(), nullable=True),
        sa.Column("note_sought", sa.LargeBinary(), nullable=True),
    ):
        op.add_column("api_keys", column)
    _fill()
    for name in ("name_sought", "note_sought"):
        given = sa.text(f"{name} IS NOT NULL")
        op.create_index(
            f"ix_api_keys_{name}", "api_keys", [name], sqlite_where=given, postgresql_where=given
        )
    # what is no charge is rare among the transfers, and looked for by its kind
    op.create_index(
        "ix_transfers_kind",
        "transfers",
        ["kind", "id"],
        sqlite_where=_NO_CHARGE,
        postgresql_where=_NO_CHARGE,
    )


def downgrade() -> None:
    revoked = sa.text("SELECT count(*) FROM api_keys WHERE revoked_at IS NOT NULL")
    if op.get_bind().execute(revoked).scalar_one():
        raise RuntimeError("There are revoked keys, which the older schema would let in again.")
    op.drop_index("ix_transfers_kind", table_name="transfers")
    for name in ("note_sought", "name_sought"):
        op.drop_index(f"ix_api_keys_{name}", table_name="api_keys")
    for name in ("note_sought", "name_sought", "revoked_at", "note"):
        op.drop_column("api_keys", name)


def _fill() -> None:
    """Let the names that there are be found."""
    keys = sa.table(
        "api_keys", sa.column("id"), sa.column("name"), sa.column("name_sought", sa.LargeBinary)
    )
    connection = op.get_bind()
    named = connection.execute(sa.select(keys.c.id, keys.c.name).where(keys.c.name.is_not(None)))
    for key, name in named.all():
        sought = name.casefold().encode()
        connection.execute(keys.update().where(keys.c.id == key).values(name_sought=sought))
