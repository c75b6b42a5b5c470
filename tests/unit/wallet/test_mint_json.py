import msgspec
import pytest

from routstr.wallet.mint_json import MAX_AMOUNT, InfoJson, KeysetJson, SignatureJson


@pytest.mark.parametrize("amount", [1, MAX_AMOUNT])
def test_amounts_fit_a_signed_64_bit_number(amount: int) -> None:
    raw = msgspec.json.encode({"amount": amount, "id": "00", "C_": "02", "new": {}})
    assert msgspec.json.decode(raw, type=SignatureJson).amount == amount


@pytest.mark.parametrize("amount", [0, -1, MAX_AMOUNT + 1, 10**40, 1.0, True, "1", None])
def test_other_amounts_are_refused(amount: object) -> None:
    raw = (
        msgspec.json.encode({"amount": amount, "id": "00", "C_": "02"})
        if amount != 10**40
        else (b'{"amount":' + b"1" * 40 + b',"id":"","C_":""}')
    )
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(raw, type=SignatureJson)


def test_what_mints_may_leave_out_may_be_left_out() -> None:
    assert msgspec.json.decode(b"{}", type=InfoJson).nuts is None
    keyset = msgspec.json.decode(b'{"id":"00","unit":"sat","input_fee_ppk":null}', type=KeysetJson)
    assert (keyset.input_fee_ppk, keyset.final_expiry, keyset.keys) == (None, None, None)
