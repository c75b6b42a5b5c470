import pytest

from routstr.wallet.mint_types import (
    MeltQuote,
    MeltQuoteState,
    MeltResult,
    MintInfo,
    MintQuote,
    MintQuoteState,
)


@pytest.mark.parametrize(
    ("setting", "supported"),
    [
        ({"supported": True}, True),
        ({"supported": False}, False),
        ({"methods": [], "disabled": False}, True),
        ({"methods": [], "disabled": True}, False),
        ({"supported": [{"method": "bolt11"}]}, True),
        ([{"method": "bolt11"}], True),
        (None, False),
    ],
)
def test_a_nut_is_supported_when_listed_and_not_off(setting: object, *, supported: bool) -> None:
    info = MintInfo("", "", "", "", {"9": setting})
    assert info.supports(9) is supported
    assert not info.supports(10)


def test_quote_ids_and_preimages_do_not_print() -> None:
    shown = (
        f"{MintQuote('known-id', 'lnbc1', 1, 'sat', MintQuoteState.PAID, None)}"
        f"{MeltQuote('known-id', 'lnbc1', 1, 'sat', 0, MeltQuoteState.PAID, None, 'proof')}"
        f"{MeltResult(MeltQuoteState.PAID, 'proof', ())}"
    )
    assert "known-id" not in shown
    assert "proof" not in shown
