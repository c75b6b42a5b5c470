"""SQL of invoices: who may ask about which mint quote."""

from sqlalchemy import Connection, delete, func, select
from sqlmodel import col

from routstr.auth.models import InvoiceRow
from routstr.core.db import Tx
from routstr.core.db.upsert import insert_into
from routstr.wallet.models import QuoteRow, QuoteState


def add(tx: Tx, quote: int, *, claim: bytes, client: bytes, expires_at: int) -> bool:
    """Store an invoice beside its new quote; false when this claim has another one by now."""
    row = insert_into(tx, InvoiceRow).values(
        quote=quote, claim=claim, client=client, expires_at=expires_at
    )
    new = row.on_conflict_do_nothing(index_elements=["claim"]).returning(col(InvoiceRow.quote))
    return tx.sql.execute(new).first() is not None


def remove(tx: Tx, quote: int) -> None:
    """Remove the invoice of a quote that was given up."""
    tx.sql.execute(delete(InvoiceRow).where(col(InvoiceRow.quote) == quote))


def given_up(connection: Connection, before: int, after: int, limit: int) -> list[int]:
    """List unpaid invoices that expired before a moment (ms), by quote, and after this quote."""
    rows = connection.execute(
        select(col(InvoiceRow.quote))
        .join(QuoteRow, col(QuoteRow.id) == col(InvoiceRow.quote))
        .where(
            col(InvoiceRow.quote) > after,
            col(InvoiceRow.expires_at) < before,
            col(QuoteRow.state) == int(QuoteState.EXPIRED),
        )
        .order_by(col(InvoiceRow.quote))
        .limit(limit)
    )
    return [row[0] for row in rows]


def find(connection: Connection, claim: bytes) -> int | None:
    """Return the quote of the invoice whose id has this hash."""
    row = connection.execute(
        select(col(InvoiceRow.quote)).where(col(InvoiceRow.claim) == claim)
    ).first()
    return None if row is None else row[0]


def of_payment(connection: Connection, payment_hash: bytes) -> int | None:
    """Return the quote of the newest invoice that is known by a payment hash."""
    row = connection.execute(
        select(col(InvoiceRow.quote))
        .join(QuoteRow, col(QuoteRow.id) == col(InvoiceRow.quote))
        .where(col(QuoteRow.payment_hash) == payment_hash)
        .order_by(col(InvoiceRow.quote).desc())
    ).first()
    return None if row is None else row[0]


def count_open(connection: Connection, client: bytes, now_ms: int) -> int:
    """Count a client's invoices that are neither paid nor expired."""
    query = (
        select(func.count())
        .select_from(InvoiceRow)
        .join(QuoteRow, col(QuoteRow.id) == col(InvoiceRow.quote))
        .where(
            col(InvoiceRow.client) == client,
            col(InvoiceRow.expires_at) > now_ms,
            col(QuoteRow.state) == int(QuoteState.UNPAID),
        )
    )
    return int(connection.execute(query).scalar_one())
