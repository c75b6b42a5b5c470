import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routstr.proxy.fields import encode, read_fields, text, value


def test_values_are_kept_as_they_were_written() -> None:
    fields = read_fields(b'{"a": {"deep" : [1,  2.50, 1e3]}, "b":"\\u0041"}')
    assert fields is not None
    assert bytes(fields["a"]) == b'{"deep" : [1,  2.50, 1e3]}'
    assert encode(fields) == b'{"a":{"deep" : [1,  2.50, 1e3]},"b":"\\u0041"}'


def test_of_two_fields_of_one_name_the_last_counts() -> None:
    fields = read_fields(b'{"a":1,"a":2}')
    assert fields is not None
    assert encode(fields) == b'{"a":2}'


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"1", b'"x"', b"null", b"{", b"\xff", b"{}x", b"[" * 9_999, b'{"a":' * 9_999],
)
def test_what_is_no_object_has_no_fields(data: bytes) -> None:
    assert read_fields(data) is None


def test_numbers_that_are_none_become_null() -> None:
    fields = read_fields(b'{"a":NaN,"b":[Infinity,1],"c":-Infinity}')
    assert fields is not None
    assert json.loads(encode(fields)) == {"a": None, "b": [None, 1], "c": None}


def test_a_value_is_plain_data_or_nothing() -> None:
    fields = read_fields(b'{"a":{"b":[1]},"n":null,"s":"x","bad":"\xff"}')
    assert fields is not None
    assert value(fields, "a") == {"b": [1]}
    assert [value(fields, name) for name in ("n", "missing", "bad")] == [None] * 3
    assert (text(fields, "s"), text(fields, "a"), text(fields, "missing")) == ("x", None, None)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=3,
)


@given(st.dictionaries(st.text(max_size=4), JSON, max_size=3))
def test_an_object_survives(plain: dict[str, object]) -> None:
    fields = read_fields(json.dumps(plain).encode())
    assert fields is not None
    assert json.loads(encode(fields)) == plain


@given(st.binary(max_size=60))
def test_no_bytes_break_the_reading(data: bytes) -> None:
    fields = read_fields(data)
    assert fields is None or isinstance(json.loads(encode(fields)), dict)
