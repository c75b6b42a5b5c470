import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routstr.wallet import bech32
from routstr.wallet.bech32 import InvalidBech32, Variant, decode, encode

HRP = "abcdef1"
EITHER = st.sampled_from(Variant)

# BIP-173 and BIP-350: valid strings of no data, and the same with the other checksum
EMPTY = {Variant.BECH32: "A12UEL5L", Variant.BECH32M: "A1LQFN3A"}


@pytest.mark.parametrize("variant", Variant)
def test_the_standards_examples_without_data(variant: Variant) -> None:
    text = EMPTY[variant]
    assert decode(text, variant) == ("a", b"")
    assert encode("a", b"", variant) == text.lower()


def test_a_standards_example_with_data() -> None:
    """NIP-19's key."""
    key = bytes.fromhex("3bf0c63fcb93463407af97a5e5ee64fa883d107ef9e558472c4eb9aaaefa459d")
    text = "npub180cvv07tjdrrgpa0j7j7tmnyl2yr6yr7l8j4s3evf6u64th6gkwsyjh6w6"
    assert encode("npub", key, Variant.BECH32) == text
    assert decode(text, Variant.BECH32) == ("npub", key)


@given(prefix=st.text("abcxyz0123456789-_", min_size=1, max_size=20), data=st.binary(), kind=EITHER)
def test_what_was_written_is_read_in_either_case(prefix: str, data: bytes, kind: Variant) -> None:
    text = encode(prefix, data, kind)
    assert decode(text, kind) == decode(text.upper(), kind) == (prefix, data)


@given(data=st.binary(max_size=60), place=st.integers(0), other=st.sampled_from("qpzry9x8"))
def test_one_wrong_character_is_noticed(data: bytes, place: int, other: str) -> None:
    text = encode(HRP, data, Variant.BECH32M)
    place %= len(text)
    broken = text[:place] + other + text[place + 1 :]
    if broken != text:
        with pytest.raises(InvalidBech32):
            decode(broken, Variant.BECH32M)


@pytest.mark.parametrize("variant", Variant)
def test_the_other_variants_checksum_is_refused(variant: Variant) -> None:
    (other,) = set(Variant) - {variant}
    with pytest.raises(InvalidBech32, match="checksum"):
        decode(encode(HRP, b"data", other), variant)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "a1",
        "a1lqfn3",  # cut off
        "1lqfn3a",  # no prefix
        "lqfn3alqfn3a",  # nothing between
        "a1LQFN3a",
        "A1lqfn3a",
        "a1lqfn3b",  # a letter that the alphabet leaves out
        "a1lqfn3 ",
        "\u00e41lqfn3a",
        "\x201nwldj5",
        "\x7f1" + "q" * 6,
    ],
)
def test_what_is_no_bech32_is_refused(text: str) -> None:
    for variant in Variant:
        with pytest.raises(InvalidBech32):
            decode(text, variant)


@pytest.mark.parametrize("spare", [[1], [0], [31]])
def test_bits_that_are_over_are_refused(spare: list[int]) -> None:
    """BIP-173: the rest is zero, and shorter than a character."""
    words = [*bech32._regroup(b"\xff" * 5, 8, 5, pad=True), *spare]
    rest = bech32._checksum([*bech32._spread("a"), *words, *[0] * 6]) ^ Variant.BECH32M
    words += [rest >> 5 * place & 31 for place in reversed(range(6))]
    with pytest.raises(InvalidBech32, match="left over"):
        decode("a1" + "".join(bech32._ALPHABET[word] for word in words), Variant.BECH32M)


def test_long_texts_are_read_in_no_time() -> None:
    text = encode("creqb", bytes(6_000), Variant.BECH32M)
    before = time.process_time()
    assert decode(text, Variant.BECH32M)[1] == bytes(6_000)
    assert time.process_time() - before < 0.1
