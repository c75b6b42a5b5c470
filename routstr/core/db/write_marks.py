"""Which batch of each PostgreSQL writer was committed last.

A transaction's id does not tell: a server that crashed gives ids that had not reached its log to
other transactions, whose outcome would then be taken for ours.
"""

from sqlalchemy import BigInteger, Column
from sqlmodel import Field, SQLModel


class WriteMark(SQLModel, table=True):
    """The number of the last batch of one writer, changed in the batch's own transaction."""

    __tablename__ = "write_marks"

    writer: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    batch: int = Field(sa_column=Column(BigInteger, nullable=False))
