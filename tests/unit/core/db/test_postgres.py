"""What PostgreSQL's errors mean while there is no server to ask."""

import pytest
from psycopg import Error, InterfaceError, OperationalError, errors
from sqlalchemy.exc import DBAPIError

from routstr.core.db import Failure, postgres
from routstr.core.db.postgres import PostgresBackend

URL = "postgresql+psycopg://nobody@/nothing?host=/nonexistent"


class Connection:
    """As much of a driver's connection as is looked at."""

    def __init__(self, *, closed: bool) -> None:
        self.closed = closed


def backend(*, closed: bool) -> PostgresBackend:
    backend = PostgresBackend(URL)
    backend._raw = Connection(closed=closed)
    return backend


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (errors.DeadlockDetected(), Failure.RETRY),
        (errors.SerializationFailure(), Failure.RETRY),
        (errors.InvalidSqlStatementName(), Failure.RETRY),
        (errors.AdminShutdown(), Failure.GONE),
        (errors.CrashShutdown(), Failure.GONE),
        (errors.CannotConnectNow(), Failure.GONE),
        (errors.DiskFull(), Failure.FATAL),
        (errors.LockNotAvailable(), Failure.FATAL),
        (errors.UniqueViolation(), None),
        (errors.StringDataRightTruncation(), None),
        (errors.InFailedSqlTransaction(), None),
        (InterfaceError(), None),
        (ValueError(), None),
    ],
)
def test_each_error_has_its_meaning(error: Exception, meaning: Failure | None) -> None:
    one = backend(closed=False)
    assert one.classify(error) is meaning
    assert one.classify(DBAPIError("SELECT", {}, error)) is meaning


@pytest.mark.parametrize(
    "error",
    [OperationalError("the connection is closed"), errors.IdleInTransactionSessionTimeout()],
)
def test_any_error_on_a_closed_connection_means_that_it_is_gone(error: Error) -> None:
    assert backend(closed=True).classify(error) is Failure.GONE


def test_a_connection_that_never_was_is_gone() -> None:
    one = PostgresBackend(URL)
    with pytest.raises(DBAPIError) as raised:
        one.open()
    assert one.classify(raised.value) is Failure.GONE
    assert postgres.is_unavailable(raised.value)
    one.close()


def test_programming_errors_do_not_make_a_reader_unavailable() -> None:
    assert not postgres.is_unavailable(DBAPIError("SELECT", {}, errors.UndefinedColumn()))
