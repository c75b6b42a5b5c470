"""SQL of invoices: who may ask about which mint quote."""

from sqlalchemy import Connection, func, insert, select
from sqlmodel import col

from routstr.auth.models import InvoiceRow
from routstr.core.db import Tx
from routstr.wallet.models import QuoteRow, QuoteState


def add(tx: Tx, quote: int, *, claim: bytes, client: bytes, expires_at: int) -> None:
    """Store an invoice beside its new quote."""
    values = {"quote": quote, "claim": claim, "client": client, "expires_at": expires_at}
    tx.sql.execute(insert(InvoiceRow).values(**values))


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
