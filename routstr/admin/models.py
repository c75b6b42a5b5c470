"""The table of log-ins that have not ended. A session's token is stored as a keyed hash only."""

from sqlalchemy import BigInteger, Column, LargeBinary
from sqlmodel import Field, SQLModel


class AdminSession(SQLModel, table=True):
    """One session of the operator, on whichever instance it was begun."""

    __tablename__ = "admin_sessions"

    token: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))  # keyed hash
    expires_at: int = Field(sa_column=Column(BigInteger, nullable=False, index=True))  # ms
