"""The table of what all processes have counted, ever."""

from sqlalchemy import BigInteger, Column, SmallInteger, String
from sqlmodel import Field, SQLModel


class MetricSum(SQLModel, table=True):
    """One number of one metric; ``labels`` is the JSON list of their values.

    ``place`` is which number of a histogram: its buckets from 0, then the rest, then the sum.
    """

    __tablename__ = "metric_sums"

    metric: str = Field(sa_column=Column(String(64), primary_key=True))
    labels: str = Field(sa_column=Column(String(1024), primary_key=True))
    place: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    value: int = Field(sa_column=Column(BigInteger, nullable=False))
