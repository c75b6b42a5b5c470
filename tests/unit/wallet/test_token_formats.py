import time

import cbor2
import pytest

from routstr.errors import InvalidToken
from routstr.wallet.token_formats import Content, read_cbor, read_json, write_cbor, write_json
from tests.unit.wallet.signing import Signer

CONTENT = Content(
    "https://mint.example",
    "sat",
    None,
    tuple(p.for_token() for p in Signer(version=1).issue([1, 2])),
)


def test_both_notations_hold_the_same_content() -> None:
    assert read_json(write_json(CONTENT)) == CONTENT == read_cbor(write_cbor(CONTENT))


def test_json_is_compact_and_cbor_is_smaller() -> None:
    assert b" " not in write_json(CONTENT)
    assert len(write_cbor(CONTENT)) < len(write_json(CONTENT)) / 1.5


def test_content_does_not_print_itself() -> None:
    assert repr(CONTENT) == "Content(...)"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x81" * 50_000,
        b"\xbf" * 50_000,
        b"\x9b\x00\x00\x00\x00\xff\xff\xff\xff",
        b"\x5b\x00\x00\x00\x7f\xff\xff\xff\xff",
        b"\xbb\x00\x00\x00\x00\xff\xff\xff\xff",
        b"\xff",
        b"\xf7",
        cbor2.dumps({"t": [], "m": "", "u": 1}),
        cbor2.dumps({"t": {}, "m": "", "u": ""}),
        cbor2.dumps([]),
        b"\xa4at\x80am`au`ax" + b"\x81" * 20 + b"\x00",  # too deep where nobody looks
        b"\xa2atawat",
        b"\xa4" + b"at\x80am`au`" + b"at\x80",  # the same key twice
        b"\xa4\x01\x02" + b"at\x80am`au`",  # a key that is no text
    ],
)
def test_malformed_cbor_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidToken):
        read_cbor(data)


@pytest.mark.parametrize(
    "tag", [0, 1, 2, 3, 4, 5, 24, 25, 28, 29, 30, 35, 36, 37, 256, 258, 55799, 1 << 40]
)
def test_every_cbor_tag_is_refused(tag: int) -> None:
    with pytest.raises(InvalidToken):
        read_cbor(cbor2.dumps({"t": [], "m": "", "u": "sat", "x": cbor2.CBORTag(tag, 0)}))


def test_shared_references_cannot_multiply_a_small_token() -> None:
    proof = {"a": 1, "s": "x", "c": b"\x02" * 33}
    entry = {"i": b"\x00" * 8, "p": [proof] * 900}
    bomb = cbor2.dumps({"t": [entry] * 9_000, "m": "", "u": "sat"}, value_sharing=True)
    assert len(bomb) < 100_000  # would be eight million proofs
    start = time.process_time()
    with pytest.raises(InvalidToken):
        read_cbor(bomb)
    assert time.process_time() - start < 0.2
