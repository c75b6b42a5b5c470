"""The table of alerts: what is wrong with the node, as all of its instances see it."""

from sqlalchemy import BigInteger, Boolean, Column, String, Text
from sqlmodel import Field, SQLModel


class AlertRow(SQLModel, table=True):
    """One thing that is or was wrong. Times in ms since 1970; ``cleared_at`` None: it lasts.

    ``seen_at``: when an instance noticed it the last time. ``sent_at``: when it was last sent to
    the operator; ``owed``: its end is still to be sent.
    """

    __tablename__ = "alerts"

    name: str = Field(sa_column=Column(String(64), primary_key=True))
    subject: str = Field(sa_column=Column(String(512), primary_key=True))
    since: int = Field(sa_column=Column(BigInteger, nullable=False))
    seen_at: int = Field(sa_column=Column(BigInteger, nullable=False))
    cleared_at: int | None = Field(default=None, sa_column=Column(BigInteger))
    sent_at: int | None = Field(default=None, sa_column=Column(BigInteger))
    owed: bool = Field(default=False, sa_column=Column(Boolean, nullable=False))
    facts: str = Field(sa_column=Column(Text, nullable=False))  # JSON
