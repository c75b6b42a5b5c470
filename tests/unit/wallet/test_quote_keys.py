"""NUT-20; the vector is the specification's."""

from dataclasses import replace
from hashlib import sha256

from coincurve import PublicKeyXOnly

from routstr.wallet import quote_keys
from routstr.wallet.proofs import PreparedOutput
from routstr.wallet.quote_keys import INDEX_BITS, locking_key, new_index, signatures
from tests.unit.wallet.signing import SEED, Signer

QUOTE = "9d745270-1405-46de-b5c5-e2762b4f5e00"
KEY = "03d56ce4e446a85bbdaa547b4ec2b073d40ff802831352b8272b7dd7a4de5a7cac"
POINTS = (
    "0342e5bcc77f5b2a3c2afb40bb591a1e27da83cddc968abdc0ec4904201a201834",
    "032fd3c4dc49a2844a89998d5e9d5b0f0b00dde9310063acb8a92e2fdafa4126d4",
    "033b6fde50b6a0dfe61ad148fff167ad9cf8308ded5f6f6b2fe000a036c464c311",
    "02be5a55f03e5c0aaea77595d574bce92c6d57a2a0fb2b5955c0b87e4520e06b53",
    "02209fc2873f28521cbdde7f7b3bb1521002463f5979686fd156f23fe6a8aa2b79",
)
VALID = (
    "d4b386f21f7aa7172f0994ee6e4dd966539484247ea71c99b81b8e09b1bb2acb"
    "c0026a43c221fd773471dc30d6a32b04692e6837ddaccf0830a63128308e4ee0"
)
INVALID = (
    "cb2b8e7ea69362dfe2a07093f2bbc319226db33db2ef686c940b5ec976bcbfc7"
    "8df0cd35b3e998adf437b09ee2c950bd66dfe9eb64abd706e43ebc7c669c36c3"
)
OUTPUTS = [PreparedOutput(1, "00456a94ab4e1c46", 0, "", b"", bytes.fromhex(p)) for p in POINTS]


def verify(key: str, message: bytes, signature: str) -> bool:
    digest = sha256(message).digest()
    return PublicKeyXOnly(bytes.fromhex(key)[1:]).verify(bytes.fromhex(signature), digest)


def test_the_message_of_the_specification_s_vector() -> None:
    message = quote_keys._plain(QUOTE, OUTPUTS)
    assert message.startswith(QUOTE.encode() + b"0342e5bc")
    assert verify(KEY, message, VALID)
    assert not verify(KEY, message, INVALID)


def test_both_forms_are_signed_by_the_locking_key() -> None:
    outputs = Signer().outputs([1, 2, 512])
    older, newer = signatures(SEED, 7, "quote", outputs)
    key = locking_key(SEED, 7)
    assert verify(key, quote_keys._plain("quote", outputs), older)
    framed = quote_keys._framed("quote", outputs)
    assert verify(key, framed, newer)
    first = b"Cashu_MintQuoteSig_v1" + b"\0\0\0\x05quote" + b"\0\0\0\x01\x01" + b"\0\0\0\x21"
    assert framed.startswith(first + outputs[0].blinded)
    assert framed.endswith(b"\0\0\0\x02\x02\x00" + b"\0\0\0\x21" + outputs[2].blinded)
    assert verify(locking_key(SEED, 8), framed, newer) is False


def test_the_same_seed_and_number_give_the_same_again() -> None:
    outputs = Signer().outputs([4])
    assert signatures(SEED, 7, "quote", outputs) == signatures(SEED, 7, "quote", outputs)
    assert locking_key(SEED, 7) != locking_key(SEED[::-1], 7)
    changed = [replace(outputs[0], amount=8)]
    assert signatures(SEED, 7, "quote", changed)[1] != signatures(SEED, 7, "quote", outputs)[1]


def test_numbers_are_drawn_that_fit_their_column() -> None:
    drawn = {new_index() for _ in range(100)}
    assert len(drawn) == 100
    assert max(drawn) < 1 << INDEX_BITS
