from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routstr.errors import InvalidToken
from routstr.wallet.crypto import hash_to_curve
from routstr.wallet.keysets import UnknownKeyset
from routstr.wallet.mint_errors import BadSignature, MintUnclear
from routstr.wallet.proofs import (
    BlindSignature,
    Dleq,
    ProofDleq,
    check_proofs,
    finish,
    make_outputs,
)
from tests.unit.wallet.signing import SEED, Signer, sign


@pytest.fixture
def signer() -> Signer:
    return Signer()


@pytest.mark.parametrize("version", [1, 2])
@given(powers=st.lists(st.integers(0, 19), max_size=6), first=st.integers(0, 1 << 20))
@settings(max_examples=10, deadline=None)
def test_signed_outputs_become_proofs_that_their_mint_accepts(
    version: int, powers: list[int], first: int
) -> None:
    signer = Signer(version=version)
    amounts = [1 << power for power in powers]
    proofs = signer.issue(amounts, first_counter=first)
    assert [proof.amount for proof in proofs] == amounts
    assert [proof.counter for proof in proofs] == list(range(first, first + len(amounts)))
    for proof in proofs:
        assert proof.y == hash_to_curve(proof.secret.encode()) == proof.for_token().y()
        assert proof.c == sign(signer.private[proof.amount], proof.y)
    check_proofs([proof.for_token() for proof in proofs], {signer.id: signer.keyset})


def test_the_same_counters_give_the_same_outputs(signer: Signer) -> None:
    first = make_outputs(SEED, signer.id, [1, 2, 4], first_counter=7)
    assert first[1:] == make_outputs(SEED, signer.id, [2, 4], first_counter=8)
    other_seed = make_outputs(b"x" * 64, signer.id, [1, 2, 4], first_counter=7)
    assert not {o.blinded for o in first} & {o.blinded for o in other_seed}


def test_a_blank_output_takes_the_amount_that_was_signed(signer: Signer) -> None:
    (blank,) = signer.outputs([0])
    (proof,) = finish([blank], [signer.sign(blank, 8)], signer.keyset)
    assert proof.amount == 8
    check_proofs([proof.for_token()], {signer.id: signer.keyset})


def test_a_signature_without_dleq_is_taken_and_passed_on_without(signer: Signer) -> None:
    (proof,) = signer.issue([4], dleq=False)
    assert proof.dleq is None
    assert proof.for_token().dleq is None


def test_wrong_signatures_leave_the_operation_open(signer: Signer) -> None:
    outputs = signer.outputs([1, 2])
    good = [signer.sign(output) for output in outputs]
    other = Signer(unit="msat")
    bad: list[list[BlindSignature]] = [
        good[:1],
        [*good, good[0]],
        [good[1], good[0]],  # another amount
        [good[0], replace(good[1], keyset_id=other.id)],
        [good[0], replace(good[1], signed=good[0].signed)],  # the DLEQ proof does not hold
        [good[0], replace(good[1], signed=b"\x02" + b"\xff" * 32, dleq=None)],
        [good[0], replace(good[1], dleq=Dleq(b"\x01" * 32, b"\x02" * 32))],
        [good[0], replace(good[1], dleq=good[0].dleq)],
    ]
    for signatures in bad:
        with pytest.raises(BadSignature) as caught:
            finish(outputs, signatures, signer.keyset)
        assert isinstance(caught.value, MintUnclear)
    assert len(finish(outputs, good, signer.keyset)) == 2


def test_an_amount_other_than_asked_for_is_refused_without_dleq_too(signer: Signer) -> None:
    (output,) = signer.outputs([2])
    with pytest.raises(BadSignature, match="another amount"):
        finish([output], [signer.sign(output, 4, dleq=False)], signer.keyset)


def test_a_signature_for_an_amount_without_key_is_refused(signer: Signer) -> None:
    (output,) = signer.outputs([0])
    signature = replace(signer.sign(output, 1), amount=3)
    with pytest.raises(BadSignature, match="does not know"):
        finish([output], [signature], signer.keyset)


def test_outputs_of_another_keyset_are_refused(signer: Signer) -> None:
    other = Signer(fee=100)
    (output,) = other.outputs([1])
    with pytest.raises(BadSignature, match="another keyset"):
        finish([output], [other.sign(output)], signer.keyset)


def test_a_token_with_a_wrong_dleq_was_not_signed_by_its_mint(signer: Signer) -> None:
    keysets = {signer.id: signer.keyset}
    (proof,) = (own.for_token() for own in signer.issue([4]))
    assert proof.dleq
    check_proofs([proof], keysets)
    check_proofs([replace(proof, dleq=None, c=proof.y())], keysets)  # nothing to check it by
    for forged in (
        replace(proof, secret=proof.secret + "0"),
        replace(proof, amount=8),
        replace(proof, dleq=ProofDleq(proof.dleq.e, proof.dleq.s, b"\x01" * 32)),
    ):
        with pytest.raises(InvalidToken, match="DLEQ"):
            check_proofs([forged], keysets)


def test_a_tokens_amounts_and_keysets_must_be_known(signer: Signer) -> None:
    (proof,) = (own.for_token() for own in signer.issue([4]))
    with pytest.raises(InvalidToken, match="amount"):
        check_proofs([replace(proof, amount=3)], {signer.id: signer.keyset})
    with pytest.raises(UnknownKeyset):
        check_proofs([proof], {})


def test_nothing_prints_a_secret(signer: Signer) -> None:
    outputs = signer.outputs([4])
    signatures = [signer.sign(output) for output in outputs]
    (own,) = finish(outputs, signatures, signer.keyset)
    shown = f"{outputs} {signatures} {own} {own.for_token()} {own.for_token().dleq!r}"
    assert "amount=4" in shown
    for secret in (own.secret, outputs[0].r.hex(), own.c.hex()):
        assert secret not in shown
        if len(secret) == 64:
            assert repr(bytes.fromhex(secret)) not in shown
    assert repr(own.c) not in shown
    assert repr(outputs[0].r) not in shown
