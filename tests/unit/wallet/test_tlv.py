import pytest
from hypothesis import given
from hypothesis import strategies as st

from routstr.wallet.tlv import InvalidTlv, read_fields, write_field

FIELDS = st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=255)))


@given(fields=FIELDS, length_bytes=st.integers(1, 2))
def test_fields_are_read_as_they_were_written(
    fields: list[tuple[int, bytes]], length_bytes: int
) -> None:
    data = b"".join(write_field(*field, length_bytes=length_bytes) for field in fields)
    assert list(read_fields(data, length_bytes=length_bytes)) == fields


def test_the_length_is_big_endian() -> None:
    assert write_field(5, b"\xff" * 258, length_bytes=2) == b"\5\1\2" + b"\xff" * 258


@pytest.mark.parametrize(("longest", "length_bytes"), [(255, 1), (65_535, 2)])
def test_what_is_too_long_for_its_length_is_refused(longest: int, length_bytes: int) -> None:
    write_field(1, bytes(longest), length_bytes=length_bytes)
    with pytest.raises(InvalidTlv, match="too long"):
        write_field(1, bytes(longest + 1), length_bytes=length_bytes)


@pytest.mark.parametrize(
    "data", [b"\1", b"\1\0", b"\1\0\1", b"\1\0\0\2", b"\1\0\2a", b"\1\xff\xff"]
)
def test_what_is_cut_off_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidTlv, match="cut off"):
        list(read_fields(data, length_bytes=2))
