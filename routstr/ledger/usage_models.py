"""Tables of what was earned: sums over hours and days, and how far the transfers are summed."""

from sqlalchemy import BigInteger, Column, String
from sqlmodel import Field, SQLModel


class UsageSum(SQLModel, table=True):
    """What one model at one provider brought in one span of time; amounts in msat, times in ms.

    Rows of an hour and of a day hold the same transfers, each once.
    """

    __tablename__ = "usage_sums"

    span: int = Field(
        sa_column=Column(BigInteger, primary_key=True, autoincrement=False)
    )  # its length
    start: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    model: str = Field(sa_column=Column(String(255), primary_key=True))
    provider: str = Field(sa_column=Column(String(255), primary_key=True))
    requests: int = Field(sa_column=Column(BigInteger, nullable=False))
    prompt_tokens: int = Field(sa_column=Column(BigInteger, nullable=False))
    completion_tokens: int = Field(sa_column=Column(BigInteger, nullable=False))
    charged: int = Field(sa_column=Column(BigInteger, nullable=False))  # what payers paid
    lost: int = Field(sa_column=Column(BigInteger, nullable=False))  # booked as revenue and as loss
    other: int = Field(sa_column=Column(BigInteger, nullable=False))  # revenue that is no request's
    own_cost: int = Field(sa_column=Column(BigInteger, nullable=False))


class UsageProgress(SQLModel, table=True):
    """Transfers with ids up to ``upto`` are in the sums: one row."""

    __tablename__ = "usage_progress"

    id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    upto: int = Field(sa_column=Column(BigInteger, nullable=False))
