"""The table of stored settings. What the environment sets wins; nothing secret lies here."""

from sqlalchemy import BigInteger, Column, Text
from sqlmodel import Field, SQLModel


class Option(SQLModel, table=True):
    """The stored value of one setting, as JSON, and since when, in ms since 1970."""

    __tablename__ = "options"

    name: str = Field(primary_key=True, max_length=64)
    value: str = Field(sa_column=Column(Text, nullable=False))
    changed_at: int = Field(sa_column=Column(BigInteger, nullable=False))
