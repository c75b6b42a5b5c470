"""How values are written for PostgreSQL."""

import psycopg
import pytest

from routstr.core.db.pipe import Pipe
from routstr.core.db.postgres_values import binaries, numbers, texts, truths, whole
from routstr.money import Msat


class Line:
    """As much of a connection as a pipe looks at before it sends."""

    class pgconn:  # noqa: N801 - the driver's name
        socket = 0


def test_numbers_of_every_kind_are_digits() -> None:
    assert whole(Msat(-5)) == b"-5"
    assert numbers([1, None, Msat(2), True, 2**70]) == b"{1,NULL,2,1,1180591620717411303424}"
    assert numbers([]) == b"{}"
    assert truths([True, False]) == b"{t,f}"


def test_texts_are_quoted() -> None:
    assert texts(["a", "", 'q"', "b\\", "{,}", "NULL", "ü"]) == (
        '{"a","","q\\"","b\\\\","{,}","NULL","ü"}'.encode()
    )


def test_bytes_are_hexadecimal() -> None:
    assert binaries([b"C\x00", b""]) == rb"{\\x4300,\\x}"


def test_what_would_be_cut_off_is_refused() -> None:
    pipe = Pipe(Line())  # type: ignore[arg-type]
    with pytest.raises(psycopg.DataError):
        pipe.add("SELECT %s, %s", None, texts(["a\0b"]))
    assert pipe.run() == []
    assert pipe.trips == 0
