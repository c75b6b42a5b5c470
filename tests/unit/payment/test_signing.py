"""Statements are the node's own words, or are refused."""

from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routstr.payment import signing
from routstr.payment.signing import BadStatement, SigningKey
from routstr.wallet.crypto import verify_schnorr

KEY = SigningKey(bytes(31) + b"\x03")
PUBKEY = "f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9"
"""That of the first test vector of BIP-340."""
FACTS: dict[str, Any] = {"type": "a-test", "msats": 73, "none": None, "list": [{"b": 1, "a": "ä"}]}


def test_a_statement_is_signed_as_the_documents_say() -> None:
    told = KEY.sign(FACTS)
    assert told["pubkey"] == PUBKEY
    tag = sha256(b"routstr/statement/v1").digest()
    text = (
        f'{{"list":[{{"a":"ä","b":1}}],"msats":73,"none":null,"pubkey":"{PUBKEY}","type":"a-test"}}'
    )
    digest = sha256(tag + tag + text.encode()).digest()
    assert verify_schnorr(digest, bytes.fromhex(told["signature"]), bytes.fromhex(PUBKEY))
    assert KEY.sign(FACTS) == told, "the same each time"
    signing.verify(told, kind="a-test", pubkey=PUBKEY)


@given(st.data())
def test_whatever_is_changed_is_noticed(data: st.DataObject) -> None:
    told = KEY.sign(FACTS)
    name = data.draw(st.sampled_from(sorted(told)))
    floats = st.floats(allow_nan=False, allow_infinity=False)  # JSON knows no others
    other = data.draw(st.one_of(st.none(), st.integers(), st.text(), st.booleans(), floats))
    if type(other) is type(told[name]) and other == told[name]:
        return
    with pytest.raises(BadStatement):
        signing.verify({**told, name: other})


def test_another_kind_or_another_key_is_refused() -> None:
    told = KEY.sign(FACTS)
    with pytest.raises(BadStatement, match="no receipt"):
        signing.verify(told, kind="receipt")
    with pytest.raises(BadStatement, match="signed by f930"):
        signing.verify(told, pubkey="ab" * 32)
    with pytest.raises(BadStatement):
        signing.verify({**told, "more": 1})


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b'"a"', b"[" * 100_000, b"\xff{}"])
def test_what_is_no_statement_is_refused(text: bytes) -> None:
    with pytest.raises(BadStatement):
        signing.verify(signing.read(text))


def test_a_key_does_not_print() -> None:
    assert repr(SigningKey.derived(b"x" * 32)).startswith("SigningKey(")
    assert "78787878" not in repr(SigningKey.derived(b"x" * 32))
