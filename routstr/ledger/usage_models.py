"""Tables of what was earned: sums over hours and days, and how far the transfers are summed."""

from sqlalchemy import BigInteger, Column, String
from sqlmodel import Field, SQLModel


def _whole() -> "Column[int]":
    return Column(BigInteger, nullable=False)


def _key(width: int = 0) -> "Column[int] | Column[str]":
    kind = String(width) if width else BigInteger()
    return Column(kind, primary_key=True, autoincrement=False)  # type: ignore[return-value]


class UsageSum(SQLModel, table=True):
    """What one model at one provider brought in one span of time; amounts in msat, times in ms.

    Rows of an hour and of a day hold the same transfers, each once.
    """

    __tablename__ = "usage_sums"

    span: int = Field(sa_column=_key())  # its length
    start: int = Field(sa_column=_key())
    model: str = Field(sa_column=_key(255))
    provider: str = Field(sa_column=_key(255))
    requests: int = Field(sa_column=_whole())
    prompt_tokens: int = Field(sa_column=_whole())
    completion_tokens: int = Field(sa_column=_whole())
    charged: int = Field(sa_column=_whole())  # what payers paid
    lost: int = Field(sa_column=_whole())  # booked as revenue and as loss
    other: int = Field(sa_column=_whole())  # revenue that is no request's
    own_cost: int = Field(sa_column=_whole())


class UsageProgress(SQLModel, table=True):
    """Transfers with ids up to ``upto`` are in the sums: one row."""

    __tablename__ = "usage_progress"

    id: int = Field(sa_column=_key())
    upto: int = Field(sa_column=_whole())
