from typing import Any

import pytest

from routstr.auth import terms
from routstr.auth.terms import KeyTerms, check_terms, from_context, from_headers, metadata_text
from routstr.errors import InvalidParameter
from routstr.ledger.limits import Reset
from routstr.money import MAX_MSAT, Msat

NOW = 1_700_000_000_000


def test_terms_survive_the_context_of_a_saga() -> None:
    given = KeyTerms(9, Msat(5), "weekly", "me@wallet.example", "name", '{"a":1}')
    assert from_context({**given.to_context(), "key_hash": "00"}) == given
    assert type(given.to_context()["balance_limit"]) is int
    assert from_context({}) == KeyTerms() == from_context(KeyTerms().to_context())


@pytest.mark.parametrize(
    ("word", "reset"),
    [
        (None, Reset.NEVER),
        ("daily", Reset.DAILY),
        ("weekly", Reset.WEEKLY),
        ("monthly", Reset.MONTHLY),
    ],
)
def test_a_reset_is_a_word(word: str | None, reset: Reset) -> None:
    assert KeyTerms(balance_limit=Msat(1), balance_limit_reset=word).reset is reset


@pytest.mark.parametrize(
    "given",
    [
        KeyTerms(),
        KeyTerms(expires_at=NOW + 1),
        KeyTerms(balance_limit=Msat(1)),
        KeyTerms(balance_limit=Msat(int(MAX_MSAT)), balance_limit_reset="monthly"),
        KeyTerms(refund_address="me@wallet.example", name="A name, ünï"),
    ],
)
def test_terms_that_a_key_can_have(given: KeyTerms) -> None:
    check_terms(given, NOW)


@pytest.mark.parametrize(
    ("given", "param"),
    [
        (KeyTerms(expires_at=NOW), "validity_date"),
        (KeyTerms(expires_at=253_402_300_800_000), "validity_date"),
        (KeyTerms(balance_limit=Msat(0)), "balance_limit"),
        (KeyTerms(balance_limit=Msat(-1)), "balance_limit"),
        (KeyTerms(balance_limit=Msat(int(MAX_MSAT) + 1)), "balance_limit"),
        (KeyTerms(balance_limit=Msat(1), balance_limit_reset="hourly"), "balance_limit_reset"),
        (KeyTerms(balance_limit=Msat(1), balance_limit_reset="never"), "balance_limit_reset"),
        (KeyTerms(balance_limit_reset="daily"), "balance_limit_reset"),
        (KeyTerms(name=""), "name"),
        (KeyTerms(name="\x1b[2J"), "name"),
    ],
)
def test_terms_that_no_key_can_have_name_the_field(given: KeyTerms, param: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        check_terms(given, NOW)
    assert refused.value.details == {"param": param}


LNURL = (
    "LNURL1DP68GURN8GHJ7UM9WFMXJCM99E3K7MF0V9CXJ0M385EKVCENXC6R2C35XVUKXEFCV5MKVV34X5EKZD3E"
    "V56NYD3HXQURZEPEXEJXXEPNXSCRVWFNV9NXZCN9XQ6XYEFHVGCXXCMYXYMNSERXFQ5FNS"
)


@pytest.mark.parametrize(
    "address",
    [
        "me@wallet.example",
        "a.b+c_d-1@127.0.0.1:8080",
        LNURL,
        LNURL.lower(),
        f"lightning:{LNURL}",
        "https://wallet.example/.well-known/lnurlp/me?x=1",
        "lnurlp://wallet.example/me",
        "x" * 502 + "@w.example",
    ],
)
def test_refunds_go_to_a_lightning_address_or_an_lnurl(address: str) -> None:
    terms.check_address(address)


@pytest.mark.parametrize(
    "address",
    [
        *("", "me", "@", "me@", "me@wallet example", "lnbc1xyz", "lnurl1bbbb"),
        *("file:///etc/passwd", "https://", "https://a b", "me@wallet.example\n"),
        "x" * 503 + "@w.example",
    ],
)
def test_other_addresses_are_refused(address: str) -> None:
    with pytest.raises(InvalidParameter):
        terms.check_address(address)


def test_metadata_is_kept_as_it_is_up_to_its_size() -> None:
    assert metadata_text(None) == "{}"
    assert metadata_text({"a": [1, {"ü": None}]}) == '{"a":[1,{"ü":null}]}'
    fits = {"a": "x" * (4_096 - 8)}
    assert len(metadata_text(fits)) == 4_096
    with pytest.raises(InvalidParameter, match="4096"):
        metadata_text({"a": "x" * (4_096 - 7)})


@pytest.mark.parametrize("given", [{"a": "\ud800"}, {"a": float("nan")}])
def test_metadata_that_cannot_be_written_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameter):
        metadata_text(given)


def test_headers_say_when_and_where() -> None:
    assert from_headers(None, None) == from_headers("", "") == KeyTerms()
    assert from_headers("1700000001", "me@wallet.example") == KeyTerms(
        expires_at=1_700_000_001_000, refund_address="me@wallet.example"
    )


@pytest.mark.parametrize("expiry", ["soon", "-1", "1.5", "1" * 13, "٣", " 1"])
def test_a_time_that_is_none_is_refused(expiry: str) -> None:
    with pytest.raises(InvalidParameter):
        from_headers(expiry, None)
