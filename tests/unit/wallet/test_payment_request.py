import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import cbor2
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routstr.wallet import bech32
from routstr.wallet.bech32 import Variant
from routstr.wallet.nostr_names import read_profile
from routstr.wallet.payment_request import (
    MAX_AMOUNT,
    MAX_CHARS,
    InvalidPaymentRequest,
    Lock,
    PaymentRequest,
    Transport,
    decode,
    encode_a,
    encode_b,
)
from tests.unit.wallet.signing import vectors
from tests.unit.wallet.test_nostr_names import NPUB

VECTORS = vectors("payment_requests")
MINT = "https://mint.example"
USUAL = PaymentRequest(amount=9, unit="sat", mints=(MINT,))


def named(vector: dict[str, Any]) -> str:
    return str(vector["name"])


def plain(request: PaymentRequest) -> object:
    """As NUT-18 writes it in JSON."""
    return msgspec.json.decode(msgspec.json.encode(request))


def from_plain(content: object) -> str:
    return "creqA" + urlsafe_b64encode(cbor2.dumps(content)).decode()


def from_tlv(data: bytes) -> str:
    return bech32.encode("creqb", data, Variant.BECH32M)


# ---- the standards ----


@pytest.mark.parametrize("vector", VECTORS["nut18"], ids=named)
def test_vectors_of_nut_18_are_read(vector: dict[str, Any]) -> None:
    wanted = vector["request"]
    if vector["name"] == "Basic Payment Request":  # its text names another mint and recipient
        mint = "https://nofees.testnut.cashu.space"
        (transport,) = wanted["t"]
        target = str(plain_cbor(vector["text"])["t"][0]["a"])
        wanted = {**wanted, "m": [mint], "t": [{**transport, "a": target}]}
    assert plain(decode(vector["text"])) == wanted


def plain_cbor(text: str) -> Any:
    body = text.removeprefix("creqA")
    return cbor2.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4)))


@pytest.mark.parametrize("vector", VECTORS["nut26"], ids=named)
def test_vectors_of_nut_26_are_read(vector: dict[str, Any]) -> None:
    wanted = vector["request"]
    for transport in wanted.get("t", ()):
        if transport["t"] == "nostr" and not read_profile(transport["a"]).relays:
            # the standard: without relays it is read as npub, whatever it was written from
            transport["a"] = plain(decode(vector["text"]))["t"][0]["a"]  # type: ignore[index]
            assert transport["a"].startswith("npub1")
    assert plain(decode(vector["text"])) == plain(decode(vector["text"].lower())) == wanted


@pytest.mark.parametrize("vector", VECTORS["nut26"], ids=named)
def test_vectors_of_nut_26_are_written_to_the_letter(vector: dict[str, Any]) -> None:
    request = msgspec.convert(vector["request"], PaymentRequest)
    assert encode_b(request) == vector["text"]


@pytest.mark.parametrize("number", [4, 5])
def test_vectors_of_nut_18_in_the_usual_order_are_written_to_the_letter(number: int) -> None:
    vector = VECTORS["nut18"][number]
    request = msgspec.convert(vector["request"], PaymentRequest)
    assert encode_a(request) == vector["text"].rstrip("=")


# ---- round trips ----

WORDS = st.text(max_size=30)
FILLED = st.text(min_size=1, max_size=30)
TAGS = st.lists(st.tuples(FILLED.filter(lambda name: name != "r"), WORDS), max_size=3).map(tuple)
POSTS = st.builds(Transport, kind=st.just("post"), target=WORDS, tags=TAGS)
TO_NOSTR = st.builds(Transport, kind=st.just("nostr"), target=st.just(NPUB), tags=TAGS)
LOCKS = st.builds(Lock, kind=st.sampled_from(["P2PK", "HTLC", "9"]), data=WORDS, tags=TAGS)
UNITS = st.sampled_from(["sat", "msat", "usd"])
REQUESTS = st.builds(
    PaymentRequest,
    id=st.none() | WORDS,
    amount=st.none() | st.integers(0, MAX_AMOUNT),
    unit=UNITS,
    single_use=st.none() | st.booleans(),
    mints=st.lists(FILLED, max_size=4).map(tuple),
    description=st.none() | WORDS,
    transports=st.lists(POSTS | TO_NOSTR, max_size=3).map(tuple),
    lock=st.none() | LOCKS,
)
SMALL = st.builds(
    PaymentRequest,
    amount=st.integers(0, MAX_AMOUNT),
    unit=UNITS,
    mints=st.lists(FILLED, max_size=2).map(tuple),
    transports=st.lists(TO_NOSTR, max_size=1).map(tuple),
)


@given(REQUESTS)
def test_both_notations_hold_the_same_request(request: PaymentRequest) -> None:
    assert decode(encode_a(request)) == request == decode(encode_b(request))


@given(SMALL)
def test_padding_space_and_the_prefixs_case_do_not_matter(request: PaymentRequest) -> None:
    text = encode_a(request)
    padded = text + "=" * (-(len(text) - 5) % 4)
    assert decode(f" {padded}\n") == decode("CREQA" + text[5:]) == request
    assert decode(encode_b(request).lower()) == request


def test_what_is_not_said_is_not_written() -> None:
    assert plain_cbor(encode_a(USUAL)) == {"a": 9, "u": "sat", "m": [MINT]}
    assert len(encode_b(USUAL)) < len(encode_a(USUAL)) * 1.5


# ---- hostile inputs ----


@given(st.text(max_size=300))
def test_any_text_is_a_request_or_refused(text: str) -> None:
    for prefix in ("", "creqA", "creqb1", "CREQB1"):
        with pytest.raises(InvalidPaymentRequest):
            decode(prefix + text)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_request_or_refused(data: bytes) -> None:
    for text in ("creqA" + urlsafe_b64encode(data).decode(), from_tlv(data)):
        try:
            found = decode(text)
        except InvalidPaymentRequest:
            continue
        assert isinstance(found, PaymentRequest)


@given(SMALL, st.integers(0), st.integers(0))
def test_a_request_that_was_damaged_is_read_as_one_or_refused(
    request: PaymentRequest, place: int, other: int
) -> None:
    data = bytearray(urlsafe_b64decode(encode_a(request)[5:] + "=="))
    data[place % len(data)] = other % 256
    try:
        found = decode("creqA" + urlsafe_b64encode(data).decode())
    except InvalidPaymentRequest:
        return
    assert decode(encode_a(found)) == found


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ([], "malformed"),
        ("x", "malformed"),
        ({"a": 1}, "without its unit"),
        ({"a": -1, "u": "sat"}, "from 0"),
        ({"a": 1 << 64, "u": "sat"}, "not CBOR"),  # a tag in CBOR
        ({"a": True, "u": "sat"}, "malformed"),
        ({"a": 1.0, "u": "sat"}, "malformed"),
        ({"a": "1", "u": "sat"}, "malformed"),
        ({"u": 5}, "malformed"),
        ({"u": ""}, "empty unit"),
        ({"m": "https://a"}, "malformed"),
        ({"m": [1]}, "malformed"),
        ({"m": [""]}, "empty unit or mint"),
        ({"s": 1}, "malformed"),
        ({"t": [{"t": "post"}]}, "malformed"),
        ({"t": [{"t": "post", "a": "u", "g": [[]]}]}, "malformed"),
        ({"nut10": {"k": "P2PK"}}, "malformed"),
        ({"nut10": []}, "malformed"),
        ({1: 2}, "not CBOR"),
    ],
)
def test_content_that_makes_no_sense_is_refused(content: object, problem: str) -> None:
    with pytest.raises(InvalidPaymentRequest, match=problem):
        decode(from_plain(content))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "starts with"),
        ("creqC", "starts with"),
        ("cashuBo2F0", "starts with"),
        ("creqA", "base64"),
        ("creqA!!", "base64"),
        ("creqAo", "cut off"),
        ("creqB1", "broken"),
        ("creqb1qqqqqqqq", "broken"),
        (from_tlv(b"\2\0\1\1"), "8 bytes"),
        (from_tlv(b"\2\0\x08" + b"\0" * 8), "without its unit"),
        (bech32.encode("creqbb", b"", Variant.BECH32M), "starts with"),
        (bech32.encode("creqb", b"", Variant.BECH32), "checksum"),
        ("creqA" + "A" * MAX_CHARS, "longer than"),
    ],
)
def test_text_that_is_no_request_is_refused(text: str, problem: str) -> None:
    with pytest.raises(InvalidPaymentRequest, match=problem):
        decode(text)


@pytest.mark.parametrize("repeated", [b"\x81", b"\xbf", b"\xa1aa", b"\x9f"])
def test_the_longest_and_deepest_inputs_end_at_once(repeated: bytes) -> None:
    data = (repeated * MAX_CHARS)[: (MAX_CHARS - 5) * 3 // 4]
    before = time.process_time()
    with pytest.raises(InvalidPaymentRequest):
        decode("creqA" + urlsafe_b64encode(data).decode().rstrip("="))
    assert time.process_time() - before < 0.1


@pytest.mark.parametrize("encode", [encode_a, encode_b])
@pytest.mark.parametrize(
    "request_",
    [
        PaymentRequest(amount=1),
        PaymentRequest(amount=-1, unit="sat"),
        PaymentRequest(amount=MAX_AMOUNT + 1, unit="sat"),
        PaymentRequest(unit=""),
        PaymentRequest(description="x" * MAX_CHARS),
    ],
)
def test_what_nobody_could_read_is_not_written(encode: Any, request_: PaymentRequest) -> None:
    with pytest.raises(InvalidPaymentRequest):
        encode(request_)


def test_what_the_short_notation_has_no_place_for_is_said() -> None:
    request = PaymentRequest(transports=(Transport("bluetooth", "?"),))
    assert decode(encode_a(request)) == request
    with pytest.raises(InvalidPaymentRequest, match="nostr and post"):
        encode_b(request)
