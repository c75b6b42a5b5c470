import copy
import re
from pathlib import Path

import msgspec
import nostr_sdk
import pytest

import routstr
from routstr.core.secret import Secret
from routstr.discovery.events import SEAL_WRAP, Draft, Event, is_genuine
from routstr.discovery.identity import (
    Identity,
    InvalidKey,
    InvalidPublicKey,
    npub_of,
    public_key,
)

# the example of NIP-19
NSEC = "nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5"
HEX = "67dea2ed018072d675f5415ecfaed7d2597555e202d85b3d65ea4e58d2d92ffa"
NPUB = "npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg"
PUBKEY = "7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4e"


@pytest.mark.parametrize("text", [NSEC, HEX, HEX.upper(), f" {NSEC}\n"])
def test_a_key_is_understood_as_nsec_and_as_digits(text: str) -> None:
    me = Identity(Secret(text))
    assert me.secret().reveal() == HEX


def test_the_public_key_is_derived() -> None:
    assert public_key(NPUB) == PUBKEY
    assert npub_of(PUBKEY) == NPUB
    me = Identity(Secret(HEX))
    assert public_key(me.npub) == me.pubkey


@pytest.mark.parametrize("text", ["", "nsec1", NSEC[:-1] + "q", HEX[:-1], "0" * 64, "f" * 64, NPUB])
def test_what_is_no_key_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(InvalidKey) as refused:
        Identity(Secret(text))
    assert len(text) < 10 or text not in str(refused.value)


@pytest.mark.parametrize("text", ["", "npub1", NSEC, "zz" * 32])
def test_what_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(InvalidPublicKey):
        public_key(text)
    with pytest.raises(InvalidPublicKey):
        npub_of(text)


def test_a_key_does_not_print() -> None:
    me = Identity(Secret(NSEC))
    for text in (repr(me), str(me), repr(copy.copy(me.secret()))):
        assert HEX not in text
        assert NSEC not in text


def test_what_is_signed_is_genuine_and_says_what_was_meant() -> None:
    me, draft = Identity.generate(), Draft(38_421, (("d", "x"), ("u", "https://a")), "ü\n\u2028")
    event = me.sign(draft, 1_234)
    assert event.says(draft)
    assert (event.pubkey, event.created_at) == (me.pubkey, 1_234)
    assert is_genuine(event)


def test_a_message_is_read_by_its_receiver_alone() -> None:
    me, bob, eve = Identity.generate(), Identity.generate(), Identity.generate()
    event = me.message(bob.npub, "the mint is down")
    assert event.kind == SEAL_WRAP
    assert event.pubkey != me.pubkey
    assert event.values("p") == (bob.pubkey,)
    assert "mint" not in event.content
    assert read_message(bob, event) == (me.pubkey, "the mint is down")
    with pytest.raises(nostr_sdk.NostrSdkError):
        read_message(eve, event)


def read_message(reader: Identity, event: Event) -> tuple[str, str]:
    keys = nostr_sdk.Keys.parse(reader.secret().reveal())
    gift = nostr_sdk.Event.from_json(msgspec.json.encode(event).decode())
    opened = nostr_sdk.UnwrappedGift.from_gift_wrap(keys, gift)
    return opened.sender().to_hex(), opened.rumor().content()


def test_the_library_is_not_loaded_before_it_is_used() -> None:
    eager = re.compile(rb"^(?:import|from) nostr_sdk", re.MULTILINE)
    sources = list(Path(routstr.__file__).parent.rglob("*.py"))
    assert sources
    assert [path for path in sources if eager.search(path.read_bytes())] == []
