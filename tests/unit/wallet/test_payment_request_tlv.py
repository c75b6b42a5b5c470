from typing import Any

import pytest

from routstr.wallet import payment_request_tlv as tlv
from routstr.wallet.tlv import InvalidTlv, write_field
from tests.unit.wallet.test_nostr_names import KEY, NPROFILE, NPUB, RELAYS

NOSTR, POST = b"\0", b"\1"


def field(kind: int, value: bytes) -> bytes:
    return write_field(kind, value, length_bytes=2)


def transport(*parts: tuple[int, bytes]) -> bytes:
    return field(7, b"".join(field(*part) for part in parts))


def lock(*parts: tuple[int, bytes]) -> bytes:
    return field(8, b"".join(field(*part) for part in parts))


@pytest.mark.parametrize(
    ("data", "content"),
    [
        (b"", {}),
        (field(1, b"x"), {"i": "x"}),
        (field(2, b"\xff" * 8), {"a": (1 << 64) - 1}),
        (field(3, b"\0"), {"u": "sat"}),
        (field(3, b"msat"), {"u": "msat"}),
        (field(4, b"\0"), {"s": False}),
        (field(5, b"https://b") + field(5, b"https://a"), {"m": ["https://b", "https://a"]}),
        (field(6, "ä".encode()), {"d": "ä"}),
        (transport((1, POST), (2, b"u")), {"t": [{"t": "post", "a": "u", "g": []}]}),
        (transport((1, NOSTR), (2, KEY)), {"t": [{"t": "nostr", "a": NPUB, "g": []}]}),
        (
            lock((1, b"\1"), (2, b"h"), (3, b"\1k\0\2ab")),
            {"nut10": {"k": "HTLC", "d": "h", "t": [["k", "", "ab"]]}},
        ),
        (lock((1, b"\7"), (2, b"")), {"nut10": {"k": "7", "d": "", "t": []}}),
    ],
)
def test_each_field(data: bytes, content: dict[str, Any]) -> None:
    assert tlv.read(data) == content
    assert tlv.write(content) == data


def test_relays_are_tags_here_and_part_of_the_address_there() -> None:
    relays = b"".join(b"\1r" + bytes([len(relay)]) + relay.encode() for relay in RELAYS[:1])
    rest = b"\1r" + bytes([len(RELAYS[1])]) + RELAYS[1].encode()
    data = transport((1, NOSTR), (2, KEY), (3, b"\1n\00217"), (3, relays), (3, rest))
    content = {"t": [{"t": "nostr", "a": NPROFILE, "g": [["n", "17"]]}]}
    assert tlv.read(data) == content
    assert tlv.write(content) == data


def test_fields_of_unknown_types_are_left_out_at_every_depth() -> None:
    inner = transport((9, b"?"), (1, POST), (2, b"u"), (0, b""))
    assert tlv.read(field(200, b"??") + inner + field(0, b"")) == tlv.read(
        transport((1, POST), (2, b"u"))
    )


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"\1", "cut off"),
        (b"\1\0\5abc", "cut off"),
        (field(1, b"a") + field(1, b"b"), "twice"),
        (field(2, b"\1"), "8 bytes"),
        (field(2, b"\0" * 9), "8 bytes"),
        (field(3, b"\xff"), "UTF-8"),
        (field(4, b""), "neither 0 nor 1"),
        (field(4, b"\2"), "neither 0 nor 1"),
        (field(5, b"\x80"), "UTF-8"),
        (field(7, b""), "does not say"),
        (transport((1, POST)), "does not say"),
        (transport((2, b"u")), "does not say"),
        (transport((1, b"\1\1"), (2, b"u")), "does not say"),
        (transport((1, POST), (1, POST), (2, b"u")), "does not say"),
        (transport((1, POST), (2, b"u"), (2, b"u")), "does not say"),
        (transport((1, b"\2"), (2, b"u")), "unknown kind"),
        (transport((1, NOSTR), (2, KEY[1:])), "32 bytes"),
        (transport((1, POST), (2, b"u"), (3, b"")), "no name"),
        (transport((1, POST), (2, b"u"), (3, b"\2a")), "cut off"),
        (lock((1, b"\0"), (2, b"\xff")), "UTF-8"),
    ],
)
def test_what_cannot_be_a_request_is_refused(data: bytes, problem: str) -> None:
    with pytest.raises(InvalidTlv, match=problem):
        tlv.read(data)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"i": "x" * 65_536}, "too long"),
        ({"t": [{"t": "bluetooth", "a": "?"}]}, "nostr and post only"),
        ({"t": [{"t": "nostr", "a": "https://a"}]}, "neither an npub"),
        ({"t": [{"t": "post", "a": "u", "g": [["k", "v" * 256]]}]}, "longer than 255"),
        ({"nut10": {"k": "NEW", "d": ""}}, "no number"),
        ({"nut10": {"k": "1", "d": ""}}, "no number"),
    ],
)
def test_what_the_notation_has_no_place_for_is_refused(
    content: dict[str, Any], problem: str
) -> None:
    with pytest.raises(InvalidTlv, match=problem):
        tlv.write(content)
