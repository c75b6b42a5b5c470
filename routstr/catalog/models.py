"""The table of what the operator has stored about single models of providers."""

from sqlalchemy import BigInteger, Column, Integer, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

BIG_ID = BigInteger().with_variant(Integer, "sqlite")


class ModelOverrideRow(SQLModel, table=True):
    """One model of one provider (0: that of the settings). ``revision`` grows with every change.

    ``sought`` is the model's id in lower case; an id of a row is never given twice.
    """

    __tablename__ = "model_overrides"
    __table_args__ = (
        UniqueConstraint("provider", "sought", name="uq_model_overrides_model"),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, sa_column=Column(BIG_ID, primary_key=True))
    provider: int = Field(sa_column=Column(BigInteger, nullable=False))
    sought: str = Field(max_length=256)
    entry: str = Field(sa_column=Column(Text, nullable=False))  # a JSON object
    revision: int
    updated_at: int = Field(sa_column=Column(BigInteger, nullable=False))  # ms since the epoch
