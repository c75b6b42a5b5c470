import psycopg
import pytest

from routstr.core.db.pipe import Pipe
from routstr.core.db.postgres_values import texts


class Line:
    """As much of a connection as a pipe looks at before it sends."""

    class pgconn:  # noqa: N801 - the driver's name
        socket = 0


def test_what_would_be_cut_off_is_refused() -> None:
    pipe = Pipe(Line())  # type: ignore[arg-type]
    with pytest.raises(psycopg.DataError):
        pipe.add("SELECT %s, %s", None, texts(["a\0b"]))
    assert pipe.run() == []
    assert pipe.trips == 0
