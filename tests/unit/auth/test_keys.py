import re

import pytest

from routstr.auth import keys
from routstr.core.node_key import NodeKey

NODE = NodeKey(bytes(range(32)))
YS = (b"\x02one", b"\x03two", b"\x02three")


def test_a_key_is_sk_and_64_hex_digits() -> None:
    assert re.fullmatch(r"sk-[0-9a-f]{64}", keys.from_proofs(NODE, YS).key)


def test_the_same_proofs_give_the_same_key_in_any_order() -> None:
    assert keys.from_proofs(NODE, YS) == keys.from_proofs(NODE, YS[::-1])


def test_everything_else_gives_another_key() -> None:
    made = {
        keys.from_proofs(NODE, YS).key,
        keys.from_proofs(NODE, YS[:2]).key,
        keys.from_proofs(NODE, (b"\x02on", b"e\x03two", b"\x02three")).key,
        keys.from_proofs(NODE, YS, generation=1).key,
        keys.from_proofs(NodeKey(bytes(32)), YS).key,
    }
    assert len(made) == 5


def test_hash_and_public_id_follow_from_the_key_and_do_not_show_it() -> None:
    identity = keys.from_proofs(NODE, YS)
    assert keys.identify(NODE, identity.key) == identity
    assert re.fullmatch(r"key_[0-9a-f]{16}", identity.public_id)
    assert len(identity.key_hash) == 32
    assert identity.key_hash.hex() not in identity.key
    assert identity.public_id[4:] not in identity.key + identity.key_hash.hex()
    assert keys.identify(NodeKey(bytes(32)), identity.key).key_hash != identity.key_hash


def test_an_identity_prints_its_public_id_only() -> None:
    identity = keys.from_proofs(NODE, YS)
    assert repr(identity) == str(identity) == f"Identity({identity.public_id})"


@pytest.mark.parametrize(
    "credential", ["cashuAey", "cashuBo2", "CASHUAey", "cashu:cashuBo2", "cashu://cashuAey"]
)
def test_tokens_are_told_from_keys(credential: str) -> None:
    assert keys.is_token(credential)


@pytest.mark.parametrize("credential", ["", "sk-abc", "cashu", "cashuC", "xcashuA", "cashu:sk-1"])
def test_other_credentials_are_no_tokens(credential: str) -> None:
    assert not keys.is_token(credential)


@pytest.mark.parametrize(
    ("header", "credential"),
    [
        ("Bearer sk-1", "sk-1"),
        ("bearer sk-1", "sk-1"),
        ("BEARER   sk-1  ", "sk-1"),
        (" Bearer sk-1", "sk-1"),
        ("Bearer", ""),
        ("Bearer ", ""),
        ("Basic c2st", ""),
        ("sk-1", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_the_credential_of_a_header(header: str | None, credential: str) -> None:
    assert keys.bearer(header) == credential


def test_an_invoice_s_key_follows_from_its_id_alone() -> None:
    made = keys.from_invoice(NODE, "00ff")
    assert keys.from_invoice(NODE, "00ff") == made
    others = {
        keys.from_invoice(NODE, "00fe").key,
        keys.from_invoice(NODE, "00ff", generation=1).key,
        keys.from_invoice(NodeKey(bytes(32)), "00ff").key,
        keys.from_proofs(NODE, (b"00ff",)).key,
    }
    assert len(others | {made.key}) == 5
