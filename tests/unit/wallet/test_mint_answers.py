import pytest

from routstr.wallet.mint_answers import (
    checked_info,
    checked_keysets,
    checked_melt,
    checked_restore,
    checked_signatures,
    checked_states,
)
from routstr.wallet.mint_errors import MintUnclear
from routstr.wallet.mint_json import (
    InfoJson,
    KeysetJson,
    KeysetsJson,
    MeltJson,
    OutputJson,
    RestoreJson,
    SignatureJson,
    StateJson,
    StatesJson,
)
from routstr.wallet.mint_types import MeltQuoteState, ProofState
from tests.unit.wallet.signing import Signer

SIGNER = Signer()
OUTPUTS = SIGNER.outputs([4, 8])


def signature(index: int) -> SignatureJson:
    made = SIGNER.sign(OUTPUTS[index])
    return SignatureJson(made.amount, made.keyset_id, made.signed.hex())


def test_what_a_mint_leaves_out_of_its_info_is_empty() -> None:
    info = checked_info(InfoJson())
    assert (info.name, info.version, info.description, info.motd) == ("", "", "", "")
    assert not info.supports(7)


def test_missing_fee_and_expiry_are_none_at_all() -> None:
    (info,) = checked_keysets(
        KeysetsJson([KeysetJson(SIGNER.id, "sat", active=False, final_expiry=0)])
    )
    assert (info.active, info.input_fee_ppk, info.final_expiry) == (False, 0, None)


def test_hexadecimal_may_be_in_capitals() -> None:
    y = OUTPUTS[0].blinded
    states = StatesJson([StateJson(ProofState.PENDING, y.hex().upper())])
    assert checked_states(states, [y]) == [ProofState.PENDING]
    answer = RestoreJson([OutputJson(y.hex().upper())], [signature(0)])
    assert checked_restore(answer, OUTPUTS)[0].index == 0


def test_restored_signatures_are_put_in_the_order_of_the_question() -> None:
    answer = RestoreJson(
        [OutputJson(output.blinded.hex()) for output in OUTPUTS[::-1]], [signature(1), signature(0)]
    )
    assert [entry.index for entry in checked_restore(answer, OUTPUTS)] == [0, 1]


def test_signatures_are_matched_by_place() -> None:
    assert [s.amount for s in checked_signatures([signature(0), signature(1)], OUTPUTS)] == [4, 8]
    with pytest.raises(MintUnclear, match="another amount"):
        checked_signatures([signature(1), signature(0)], OUTPUTS)


def test_change_is_matched_with_the_first_blank_outputs() -> None:
    answer = MeltJson(MeltQuoteState.PAID, change=[signature(0)])
    assert checked_melt(answer, OUTPUTS).change[0].amount == 4
    with pytest.raises(MintUnclear, match="more change"):
        checked_melt(answer, [])
    assert checked_melt(MeltJson(MeltQuoteState.PENDING), OUTPUTS).change == ()
