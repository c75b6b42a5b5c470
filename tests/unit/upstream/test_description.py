from decimal import Decimal

import pytest

from routstr.core.secret import Secret
from routstr.errors import ProviderInvalid
from routstr.upstream.adapters import ADAPTERS
from routstr.upstream.client import UpstreamLimits
from routstr.upstream.description import (
    KEYS_MAX,
    checked_adapter,
    checked_fee,
    checked_keys,
    checked_options,
    checked_priority,
    checked_slug,
    checked_url,
    limits_of,
    texts_of,
)

GENERIC = ADAPTERS["generic"]


@pytest.mark.parametrize("slug", ["abc", "a-b", "p1p", "0-0", "a" * 64])
def test_good_slugs(slug: str) -> None:
    assert checked_slug(slug) == slug


@pytest.mark.parametrize("slug", ["", "ab", "-ab", "ab-", "A-B", "a_b", "a b", "123", "a" * 65])
def test_bad_slugs(slug: str) -> None:
    with pytest.raises(ProviderInvalid, match="slug"):
        checked_slug(slug)


@pytest.mark.parametrize(
    ("url", "kind", "normal"),
    [
        (" HTTPS://Api.Example.com:443/v1/ ", "generic", "https://api.example.com/v1"),
        ("", "openai", "https://api.openai.com/v1"),
        ("https://api.groq.com/openai/v1/", "groq", "https://api.groq.com/openai/v1"),
    ],
)
def test_an_address_has_one_spelling(url: str, kind: str, normal: str) -> None:
    assert checked_url(url, ADAPTERS[kind], allow_insecure=False) == normal


@pytest.mark.parametrize(
    "url",
    [
        *("http://api.example.com/v1", "ftp://api.example.com", "https://", "nonsense", ""),
        *("https://user:pass@api.example.com", "https://api.example.com/v1?key=1"),
        *("http://127.0.0.1:1/v1", "https://127.0.0.1/v1", "https://localhost", "https://[::1]"),
        *("https://10.0.0.1", "https://192.168.1.1", "https://169.254.169.254/latest"),
        *("https://100.64.0.1", "https://0.0.0.0", "https://224.0.0.1", "https://[fd00::1]"),
        *("https://[::ffff:10.0.0.1]", "https://[64:ff9b::a00:1]"),
    ],
)
def test_what_may_not_be_contacted_is_refused(url: str) -> None:
    with pytest.raises(ProviderInvalid):
        checked_url(url, GENERIC, allow_insecure=False)


def test_this_machine_is_fine_where_the_operator_says_so_and_the_network_is_not() -> None:
    local = "http://127.0.0.1:11434/v1"
    assert checked_url(local, ADAPTERS["ollama"], allow_insecure=True) == local
    assert checked_url("", ADAPTERS["ollama"], allow_insecure=True).startswith("http://localhost")
    with pytest.raises(ProviderInvalid):
        checked_url("http://10.0.0.1/v1", GENERIC, allow_insecure=True)


def test_a_type_with_one_address_has_no_other() -> None:
    with pytest.raises(ProviderInvalid, match="always at"):
        checked_url("https://evil.example/v1", ADAPTERS["openrouter"], allow_insecure=False)


def test_keys_are_cut_to_what_can_be_sent_and_named_once() -> None:
    given = (Secret(" a\n"), Secret("b"), Secret("a"), Secret("  "))
    assert checked_keys(given) == (Secret("a"), Secret("b"))
    for bad in ("two words", "ümlaut", "line\nbreak", "x" * 5_000):
        with pytest.raises(ProviderInvalid) as caught:
            checked_keys([Secret(bad)])
        assert bad not in caught.value.message
    with pytest.raises(ProviderInvalid, match="at most"):
        checked_keys([Secret(str(number)) for number in range(KEYS_MAX + 1)])


@pytest.mark.parametrize("fee", ["0", "-1", "100.1", "NaN", "Infinity", "1.0000000001"])
def test_bad_fees(fee: str) -> None:
    with pytest.raises(ProviderInvalid):
        checked_fee(Decimal(fee))


def test_good_fees() -> None:
    assert checked_fee(None) is None
    assert [checked_fee(Decimal(fee)) for fee in ("1", "100", "0.000000001")]


def test_priorities_have_bounds() -> None:
    assert checked_priority(-1_000) == -1_000
    with pytest.raises(ProviderInvalid):
        checked_priority(1_001)


@pytest.mark.parametrize(
    "options",
    [
        *({"idle_seconds": value} for value in (0, -1, "5", True, 10**6)),
        *({"api_version": value} for value in (5, 0, False)),
        {"api_version": "a\r\nb"},
        {"api_version": "v" * 101},
        {"more": "x" * 20_000},
    ],
)
def test_bad_settings(options: dict[str, object]) -> None:
    with pytest.raises(ProviderInvalid):
        checked_options(options)


def test_settings_that_nobody_knows_are_kept_for_whoever_does() -> None:
    assert checked_options({"own": [1, {"x": None}]}) == b'{"own":[1,{"x":null}]}'


def test_a_provider_has_its_own_limits_where_it_says_so() -> None:
    usual = UpstreamLimits()
    options = {"connect_seconds": 1, "idle_seconds": 2.5, "api_version": "v"}
    limits = limits_of(options, usual)
    assert (limits.connect_s, limits.idle_s) == (1, 2.5)
    assert (limits.first_byte_s, limits.total_s) == (usual.first_byte_s, usual.total_s)
    assert texts_of(options) == {"api_version": "v"}


def test_a_type_is_found_or_the_types_are_named() -> None:
    assert checked_adapter("x-ai").name == "xai"
    with pytest.raises(ProviderInvalid, match="anthropic, azure"):
        checked_adapter("nobody")
