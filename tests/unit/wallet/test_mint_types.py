import pytest

from routstr.wallet.mint_types import (
    Bounds,
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


SAT = {"method": "bolt11", "unit": "sat"}


@pytest.mark.parametrize(
    ("setting", "bounds"),
    [
        ({"methods": [SAT]}, Bounds(None, None)),
        ({"methods": [{**SAT, "min_amount": 2, "max_amount": 9}]}, Bounds(2, 9)),
        ({"methods": [{**SAT, "min_amount": None, "max_amount": -1}]}, Bounds(None, None)),
        ({"methods": [{**SAT, "unit": "usd"}, SAT], "disabled": False}, Bounds(None, None)),
        ({"methods": [{**SAT, "method": "bolt12"}]}, None),
        ({"methods": [SAT], "disabled": True}, None),
        ({"methods": "odd"}, None),
        ([SAT], None),
        (None, None),
    ],
)
def test_what_invoices_a_mint_makes(setting: object, bounds: Bounds | None) -> None:
    assert MintInfo("", "", "", "", {"4": setting}).minting("sat") == bounds


def test_bounds_hold_what_lies_within_them() -> None:
    assert [Bounds(2, 4).hold(n) for n in (1, 2, 4, 5)] == [False, True, True, False]
    assert Bounds(None, None).hold(1 << 60)


@pytest.mark.parametrize(
    ("setting", "tells"),
    [
        ({"supported": [{**SAT, "commands": ["proof_state", "bolt11_mint_quote"]}]}, True),
        ({"supported": [{**SAT, "commands": ["proof_state"]}]}, False),
        ({"supported": [{**SAT, "unit": "usd", "commands": ["bolt11_mint_quote"]}]}, False),
        ({"supported": [{**SAT, "commands": "bolt11_mint_quote"}]}, False),
        ({"supported": True}, False),
        (["odd"], False),
        (None, False),
    ],
)
def test_whether_a_mint_tells_of_quotes(setting: object, *, tells: bool) -> None:
    assert MintInfo("", "", "", "", {"17": setting}).tells_of_quotes("sat") is tells
