"""The table of what the operator has asked for by name."""

from sqlalchemy import BigInteger, Column, ForeignKey
from sqlmodel import Field, SQLModel


class OperatorCall(SQLModel, table=True):
    """One named request, and the saga that carries it out."""

    __tablename__ = "operator_calls"

    name: str = Field(primary_key=True, max_length=255)
    request: str = Field(max_length=64)
    """SHA-256 of what was asked for, in hex."""
    saga: int = Field(
        sa_column=Column(BigInteger, ForeignKey("sagas.id"), nullable=False, unique=True)
    )
    created_at: int = Field(sa_column=Column(BigInteger, nullable=False))  # ms since the epoch
