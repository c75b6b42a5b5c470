import cbor2
import pytest

from routstr.wallet import cbor
from routstr.wallet.cbor import InvalidCbor


def test_what_a_map_says_is_absent_is_left_out_of_it() -> None:
    data = cbor2.dumps({"a": None, "b": cbor2.undefined, "c": [{"d": None}], "e": 0, "f": False})
    assert cbor.read(data) == {"c": [{}], "e": 0, "f": False}


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"\xa1", b"\xc0\x60", b"\xa2aa\1aa\2", b"\x81" * 17]
)
def test_what_only_a_trap_would_hold_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidCbor):
        cbor.read(data)
