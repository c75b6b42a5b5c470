import pytest
from hypothesis import given
from hypothesis import strategies as st

from routstr.wallet.bech32 import Variant, encode
from routstr.wallet.nostr_names import InvalidName, Profile, read_profile, write_profile

# NIP-19's examples
KEY = bytes.fromhex("3bf0c63fcb93463407af97a5e5ee64fa883d107ef9e558472c4eb9aaaefa459d")
NPUB = "npub180cvv07tjdrrgpa0j7j7tmnyl2yr6yr7l8j4s3evf6u64th6gkwsyjh6w6"
NPROFILE = (
    "nprofile1qqsrhuxx8l9ex335q7he0f09aej04zpazpl0ne2cgukyawd24mayt8gpp4mhxue69uhhytnc9e3k7mgpz4"
    "mhxue69uhkg6nzv9ejuumpv34kytnrdaksjlyr9p"
)
RELAYS = ("wss://r.x.com", "wss://djbas.sadkb.com")


def named(prefix: str, data: bytes) -> str:
    return encode(prefix, data, Variant.BECH32)


@pytest.mark.parametrize(("text", "relays"), [(NPUB, ()), (NPROFILE, RELAYS)])
def test_the_standards_examples(text: str, relays: tuple[str, ...]) -> None:
    assert read_profile(text) == Profile(KEY, relays)
    assert write_profile(Profile(KEY, relays)) == text


@given(key=st.binary(min_size=32, max_size=32), relays=st.lists(st.text(max_size=60), max_size=4))
def test_what_was_written_is_read(key: bytes, relays: list[str]) -> None:
    profile = Profile(key, tuple(relays))
    assert read_profile(write_profile(profile)) == profile


def test_unknown_fields_of_a_profile_are_left_out() -> None:
    assert read_profile(named("nprofile", b"\0\x20" + KEY + b"\7\2ab")) == Profile(KEY)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "npub1",
        KEY.hex(),
        NPUB[:-1],
        named("nsec", KEY),
        named("npub", KEY[1:]),
        named("npub", KEY + b"\0"),
        named("nprofile", b""),
        named("nprofile", b"\1\1r"),
        named("nprofile", b"\0\x1f" + KEY[1:]),
        named("nprofile", b"\0\x20" + KEY[1:]),
        named("nprofile", (b"\0\x20" + KEY) * 2),
        named("nprofile", b"\0\x20" + KEY + b"\1\1\xff"),
        encode("npub", KEY, Variant.BECH32M),
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidName, match="neither"):
        read_profile(text)


def test_a_key_of_another_length_is_not_written() -> None:
    with pytest.raises(InvalidName, match="32 bytes"):
        write_profile(Profile(b"\0" * 31))


def test_a_relay_that_is_too_long_is_not_written() -> None:
    with pytest.raises(InvalidName, match="relay"):
        write_profile(Profile(KEY, ("r" * 256,)))
