"""SQL of the operator's sessions."""

from sqlalchemy import Connection, delete, insert, select
from sqlmodel import col

from routstr.admin.models import AdminSession
from routstr.core.db import Tx


def begin(tx: Tx, token: bytes, expires_at: int, now: int) -> None:
    """Store a session by the hash of its token, and forget those that are over."""
    tx.sql.execute(delete(AdminSession).where(col(AdminSession.expires_at) <= now))
    tx.sql.execute(insert(AdminSession).values(token=token, expires_at=expires_at))


def lives(connection: Connection, token: bytes, now: int) -> bool:
    """Whether a session with this hash has not ended."""
    found = connection.execute(
        select(col(AdminSession.expires_at)).where(col(AdminSession.token) == token)
    ).scalar_one_or_none()
    return found is not None and found > now


def end(tx: Tx, token: bytes) -> None:
    """Forget a session."""
    tx.sql.execute(delete(AdminSession).where(col(AdminSession.token) == token))
