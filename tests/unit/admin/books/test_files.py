import pytest

from routstr.admin.books.files import TABLES, seconds_of
from routstr.errors import InvalidParameter


def test_a_moment_is_a_unix_time_or_nothing() -> None:
    assert [seconds_of(one, "t") for one in ({}, {"t": " "}, {"t": "12"})] == [None, None, 12]
    for wrong in ("-1", "1.5", "x", "9" * 13, "٣"):
        with pytest.raises(InvalidParameter):
            seconds_of({"t": wrong}, "t")


def test_no_file_has_a_bearer_secret() -> None:
    columns = {name for table in TABLES.values() for name in table.model_fields}
    assert columns.isdisjoint({"token", "api_key", "key_hash", "secret"})
