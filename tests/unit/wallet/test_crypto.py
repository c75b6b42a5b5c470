from collections.abc import Callable
from contextlib import suppress

import pytest
from coincurve import PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from routstr.wallet import crypto
from routstr.wallet.crypto import (
    ORDER,
    CurveError,
    add_scalars,
    blind,
    hash_to_curve,
    is_point,
    is_scalar,
    public_key,
    reduce_to_scalar,
    unblind,
    verify_dleq_proof,
    verify_dleq_signature,
)
from tests.unit.wallet.signing import prove, sign

ONE = (1).to_bytes(32, "big")
scalars = st.integers(1, ORDER - 1).map(lambda n: n.to_bytes(32, "big"))
B_ = bytes.fromhex("02a9acc1e48c25eeeb9289b5031cc57da9fe72f3fe2861d264bdc074209b107ba2")


@pytest.mark.parametrize(
    ("message", "point"),
    [
        (
            "0000000000000000000000000000000000000000000000000000000000000000",
            "024cce997d3b518f739663b757deaec95bcd9473c30a14ac2fd04023a739d1a725",
        ),
        (
            "0000000000000000000000000000000000000000000000000000000000000001",
            "022e7158e11c9506f1aa4248bf531298daa7febd6194f003edcd9b93ade6253acf",
        ),
        (
            "0000000000000000000000000000000000000000000000000000000000000002",
            "026cdbe15362df59cd1dd3c9c11de8aedac2106eca69236ecd9fbe117af897be4f",
        ),
    ],
)
def test_hash_to_curve_as_in_nut_00(message: str, point: str) -> None:
    assert hash_to_curve(bytes.fromhex(message)).hex() == point


@pytest.mark.parametrize(
    ("secret", "r", "blinded"),
    [
        (
            "d341ee4871f1f889041e63cf0d3823c713eea6aff01e80f1719f08f9e5be98f6",
            "99fce58439fc37412ab3468b73db0569322588f62fb3a49182d67e23d877824a",
            "033b1a9737a40cc3fd9b6af4b723632b76a67a36782596304612a6c2bfb5197e6d",
        ),
        (
            "f1aaf16c2239746f369572c0784d9dd3d032d952c2d992175873fb58fae31a60",
            "f78476ea7cc9ade20f9e05e58a804cf19533f03ea805ece5fee88c8e2874ba50",
            "029bdf2d716ee366eddf599ba252786c1033f47e230248a4612a5670ab931f1763",
        ),
    ],
)
def test_blinded_messages_as_in_nut_00(secret: str, r: str, blinded: str) -> None:
    assert blind(bytes.fromhex(secret), bytes.fromhex(r)).hex() == blinded


@pytest.mark.parametrize(
    ("private", "signed"),
    [
        ("00" * 31 + "01", "02a9acc1e48c25eeeb9289b5031cc57da9fe72f3fe2861d264bdc074209b107ba2"),
        ("7f" * 32, "0398bc70ce8184d27ba89834d19f5199c84443c31131e48d3c1214db24247d005d"),
    ],
)
def test_blind_signatures_of_the_tests_mint_as_in_nut_00(private: str, signed: str) -> None:
    assert sign(bytes.fromhex(private), B_).hex() == signed


def test_challenge_hash_as_in_nut_12() -> None:
    one = PublicKey(b"\x02" + ONE)
    expected = "a4dc034b74338c28c6bc3ea49731f2a24440fc7c4affc08b31a93fc9fbe6401e"
    assert crypto._challenge(one, one, one, PublicKey(B_)).hex() == expected


def test_deterministic_dleq_as_in_nut_12() -> None:
    private = (2).to_bytes(32, "big")
    key = public_key(private)
    assert key.hex() == "02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5"
    signed = sign(private, B_)
    assert signed.hex() == "0244eccfc7a348274458bb38044c7f3c389b3c2086c7ec18b5812d2877ab937787"
    dleq = prove(private, B_)
    assert dleq.e.hex() == "2a16ffee280aff3c429045607f9b8e0bf8b35910c44c1b20b9dfaf01b263d7b3"
    assert dleq.s.hex() == "9df27731238334718d120d4f74611a7c668233f988e687ac3fb188f0a34a2dab"
    assert verify_dleq_signature(B_, signed, dleq.e, dleq.s, key)


def test_dleq_on_a_blind_signature_as_in_nut_12() -> None:
    e = bytes.fromhex("9818e061ee51d5c8edc3342369a554998ff7b4381c8652d724cdf46429be73d9")
    s = bytes.fromhex("9818e061ee51d5c8edc3342369a554998ff7b4381c8652d724cdf46429be73da")
    key = bytes.fromhex("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
    assert verify_dleq_signature(B_, B_, e, s, key)
    assert not verify_dleq_signature(B_, B_, s, e, key)


PROOF_KEY = bytes.fromhex("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
PROOF: dict[str, bytes] = {
    "secret": b"daf4dd00a2b68a0858a80450f52c8a7d2ccf87d375e43e216e0c571f089f63e9",
    "signature": bytes.fromhex(
        "024369d2d22a80ecf78f3937da9d5f30c1b9f74f0c32684d583cca0fa6a61cdcfc"
    ),
    "e": bytes.fromhex("b31e58ac6527f34975ffab13e70a48b6d2b0d35abc4b03f0151f09ee1a9763d4"),
    "s": bytes.fromhex("8fbae004c59e754d71df67e392b6ae4e29293113ddc2ec86592a0431d16306d8"),
    "r": bytes.fromhex("a6d13fcd7a18442e6076f5e1e7c887ad5de40a019824bdfa9fe740d302e8d861"),
    "key": PROOF_KEY,
}


def test_dleq_on_a_proof_as_in_nut_12() -> None:
    assert verify_dleq_proof(**PROOF)


@pytest.mark.parametrize("field", sorted(PROOF))
@given(position=st.integers(0, 31), bit=st.integers(0, 7))
@settings(max_examples=20, deadline=None)
def test_a_dleq_proof_with_any_bit_changed_fails(field: str, position: int, bit: int) -> None:
    changed = bytearray(PROOF[field])
    changed[position] ^= 1 << bit
    assert not verify_dleq_proof(**{**PROOF, field: bytes(changed)})


@given(secret=st.binary(max_size=80), r=scalars, private=scalars)
@settings(max_examples=40, deadline=None)
def test_unblinding_gives_the_mints_signature_on_the_secret(
    secret: bytes, r: bytes, private: bytes
) -> None:
    key = public_key(private)
    blinded = blind(secret, r)
    signed = sign(private, blinded)
    signature = unblind(signed, r, key)
    assert signature == sign(private, hash_to_curve(secret))
    dleq = prove(private, blinded)
    assert verify_dleq_signature(blinded, signed, dleq.e, dleq.s, key)
    assert verify_dleq_proof(secret, signature, dleq.e, dleq.s, r, key)
    assert not verify_dleq_proof(secret + b"!", signature, dleq.e, dleq.s, r, key)


def test_another_keys_signature_fails_its_dleq() -> None:
    private, other = b"\x11" * 32, b"\x22" * 32
    dleq = prove(other, B_)
    assert not verify_dleq_signature(B_, sign(other, B_), dleq.e, dleq.s, public_key(private))


def test_a_dleq_that_makes_a_point_vanish_fails() -> None:
    private = b"\x11" * 32
    e = (5).to_bytes(32, "big")
    s = (5 * int.from_bytes(private, "big") % ORDER).to_bytes(32, "big")  # sG = eK
    assert not verify_dleq_signature(B_, sign(private, B_), e, s, public_key(private))


junk = st.one_of(
    st.binary(max_size=70),
    st.binary(min_size=33, max_size=33),
    st.binary(min_size=32, max_size=32).map(lambda x: b"\x02" + x),
    st.sampled_from([b"\x00" * 32, ORDER.to_bytes(32, "big"), b"\xff" * 32, ONE, B_]),
)


@given(a=junk, b=junk, c=junk, d=junk, e=junk, f=junk)
@settings(max_examples=100, deadline=None)
def test_junk_is_refused_and_never_crashes(
    a: bytes, b: bytes, c: bytes, d: bytes, e: bytes, f: bytes
) -> None:
    calls: list[Callable[[], object]] = [
        lambda: blind(a, b),
        lambda: unblind(a, b, c),
        lambda: public_key(a),
        lambda: add_scalars(a, b),
    ]
    for call in calls:
        with suppress(CurveError):
            call()
    assert not verify_dleq_signature(a, b, c, d, e)
    assert not verify_dleq_proof(a, b, c, d, e, f)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        B_[:32],
        B_ + b"\x00",
        b"\x02" + b"\xff" * 32,
        b"\x05" + B_[1:],
        PublicKey(B_).format(compressed=False),
    ],
)
def test_only_compressed_points_of_the_curve_are_points(data: bytes) -> None:
    assert is_point(B_)
    assert not is_point(data)
    with pytest.raises(CurveError):
        unblind(data, ONE, B_)


@pytest.mark.parametrize("data", [b"", b"\x00" * 32, b"\x01" * 31, ORDER.to_bytes(32, "big")])
def test_scalars_lie_between_zero_and_the_order(data: bytes) -> None:
    assert is_scalar((ORDER - 1).to_bytes(32, "big"))
    assert not is_scalar(data)
    with pytest.raises(CurveError):
        blind(b"x", data)


def test_a_signature_that_vanishes_is_refused() -> None:
    key = public_key(b"\x11" * 32)
    r = b"\x33" * 32
    with pytest.raises(CurveError, match="cancel"):
        unblind(sign(r, key), r, key)  # C_ = rK


def test_a_message_blinded_to_nothing_is_refused() -> None:
    minus_g = PublicKey.from_valid_secret((ORDER - 1).to_bytes(32, "big"))
    with pytest.raises(CurveError, match="cancel"):
        crypto._sum_with_generator(minus_g, ONE)


def test_scalar_arithmetic_is_modulo_the_order() -> None:
    last = (ORDER - 1).to_bytes(32, "big")
    assert add_scalars(last, (3).to_bytes(32, "big")) == (2).to_bytes(32, "big")
    assert reduce_to_scalar((ORDER + 7).to_bytes(32, "big")) == (7).to_bytes(32, "big")
    with pytest.raises(CurveError):
        add_scalars(last, ONE)
    with pytest.raises(CurveError):
        reduce_to_scalar(ORDER.to_bytes(32, "big"))
