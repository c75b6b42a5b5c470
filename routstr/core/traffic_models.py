"""Tables of requests by outcome and by time taken, over hours and days. Times in ms since 1970."""

from sqlalchemy import BigInteger, Column, String
from sqlmodel import Field, SQLModel


class TrafficSum(SQLModel, table=True):
    """Requests to one endpoint that ended in one way. ``code`` is the error's, or empty."""

    __tablename__ = "traffic_sums"

    span: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    start: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    endpoint: str = Field(sa_column=Column(String(64), primary_key=True))
    status: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    code: str = Field(sa_column=Column(String(64), primary_key=True))
    requests: int = Field(sa_column=Column(BigInteger, nullable=False))


class LatencySum(SQLModel, table=True):
    """Requests whose time falls into one bucket of the histogram."""

    __tablename__ = "latency_sums"

    span: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    start: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    measure: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    bucket: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    requests: int = Field(sa_column=Column(BigInteger, nullable=False))
