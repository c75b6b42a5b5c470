"""Tables of requests by outcome and by time taken, over hours and days. Times in ms since 1970."""

from sqlalchemy import BigInteger, Column, String
from sqlmodel import Field, SQLModel


def _whole() -> "Column[int]":
    return Column(BigInteger, nullable=False)


def _key(width: int = 0) -> "Column[int] | Column[str]":
    kind = String(width) if width else BigInteger()
    return Column(kind, primary_key=True, autoincrement=False)  # type: ignore[return-value]


class TrafficSum(SQLModel, table=True):
    """Requests to one endpoint that ended in one way. ``code`` is the error's, or empty."""

    __tablename__ = "traffic_sums"

    span: int = Field(sa_column=_key())
    start: int = Field(sa_column=_key())
    endpoint: str = Field(sa_column=_key(64))
    status: int = Field(sa_column=_key())
    code: str = Field(sa_column=_key(64))
    requests: int = Field(sa_column=_whole())


class LatencySum(SQLModel, table=True):
    """Requests whose time falls into one bucket of the histogram."""

    __tablename__ = "latency_sums"

    span: int = Field(sa_column=_key())
    start: int = Field(sa_column=_key())
    measure: int = Field(sa_column=_key())
    bucket: int = Field(sa_column=_key())
    requests: int = Field(sa_column=_whole())
