from routstr.core.db.postgres_values import binaries, numbers, texts, truths, whole
from routstr.money import Msat


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
