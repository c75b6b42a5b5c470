import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routstr.core.addresses import (
    ForbiddenAddress,
    check_mint_url,
    check_public,
    is_public,
    literal_address,
    network,
    normalise_mint_url,
    normalise_url,
    split_http_url,
)

PUBLIC = ["1.1.1.1", "8.8.8.8", "172.32.0.1", "100.128.0.1", "198.20.0.1", "2606:4700::1111"]
NOT_PUBLIC = [
    *("0.0.0.0", "0.1.2.3", "255.255.255.255"),
    *("127.0.0.1", "127.255.255.254", "::1"),
    *("10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fd00::1", "fc00::1"),
    *("169.254.169.254", "fe80::1", "fe80::1%eth0", "fec0::1"),
    *("100.64.0.1", "100.127.255.255"),
    *("224.0.0.1", "239.255.255.255", "240.0.0.1", "ff02::1"),
    *("192.0.0.8", "192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"),
    *("198.18.0.1", "198.19.255.255", "192.88.99.1"),
    *("::", "::ffff:8.8.8.8", "::ffff:127.0.0.1", "::8.8.8.8", "::ffff:0:8.8.8.8"),
    *("64:ff9b::808:808", "64:ff9b:1::808:808", "2002:808:808::1", "2001:0:808:808::1"),
    "2606:4700::1111%eth0",
]


@pytest.mark.parametrize("ip", PUBLIC)
def test_a_public_address_may_be_contacted(ip: str) -> None:
    assert check_public(ip) == ipaddress.ip_address(ip)


@pytest.mark.parametrize("ip", NOT_PUBLIC)
def test_any_other_address_is_refused(ip: str) -> None:
    with pytest.raises(ForbiddenAddress, match="not a public address"):
        check_public(ip)


@given(st.ip_addresses(v=4))
def test_no_v6_disguise_of_a_v4_address_is_public(inner: ipaddress.IPv4Address) -> None:
    bits = int(inner)
    for form in (
        bits,
        0xFFFF << 32 | bits,
        0xFFFF << 48 | bits,
        0x64FF9B << 96 | bits,
        0x64FF9B_0001 << 80 | bits,
        0x2002 << 112 | bits << 80,
        0x20010000 << 96 | bits,
    ):
        assert not is_public(ipaddress.IPv6Address(form))


@given(st.ip_addresses())
def test_what_counts_as_public_is_global_for_the_standard_library_too(
    ip: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if is_public(ip):
        assert ip.is_global
        assert not ip.is_multicast


@pytest.mark.parametrize("ip", ["127.0.0.1", "127.9.9.9", "::1"])
def test_loopback_passes_only_when_allowed(ip: str) -> None:
    assert str(check_public(ip, allow_loopback=True)) == ip
    with pytest.raises(ForbiddenAddress):
        check_public(ip)


@pytest.mark.parametrize("ip", ["10.0.0.1", "0.0.0.0", "::", "::ffff:127.0.0.1", "::127.0.0.1"])
def test_allowing_loopback_allows_nothing_else(ip: str) -> None:
    with pytest.raises(ForbiddenAddress):
        check_public(ip, allow_loopback=True)


@pytest.mark.parametrize("text", ["", "localhost", "1.1.1", "0x7f000001", "2130706433", "1.1.1.1 "])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ForbiddenAddress, match="not an IP address"):
        check_public(text, allow_loopback=True)


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("https://Mint.Example/Bitcoin/", "https://mint.example/Bitcoin"),
        ("HTTPS://mint.example:443", "https://mint.example"),
        ("http://mint.example:80//", "http://mint.example"),
        ("https://mint.example:8443/a//b/", "https://mint.example:8443/a//b"),
        ("https://mint.example:/", "https://mint.example"),
        ("http://127.0.0.1:3338", "http://127.0.0.1:3338"),
        ("https://[2606:4700:0000::1111]:444/", "https://[2606:4700::1111]:444"),
        ("  https://mint.example  ", "https://mint.example"),
    ],
)
def test_a_mint_has_one_spelling(url: str, normal: str) -> None:
    assert normalise_mint_url(url) == normal
    assert normalise_mint_url(normal) == normal


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mint.example",
        "//mint.example",
        "ftp://mint.example",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "https://",
        "https:///path",
        "https://:443",
        "https://user@mint.example",
        "https://user:pass@mint.example",
        "https://mint.example@evil.example",
        "https://mint.example\\@evil.example",
        "https://mint.example/a b",
        "https://mint.example/\r\nx",
        "https://mint\t.example",
        "https://mint.example?a=b",
        "https://mint.example?",
        "https://mint.example/#x",
        "https://mint.example:0",
        "https://mint.example:99999",
        "https://mint.example:x",
        "https://mint%2eexample",
        "https://münt.example",
        "https://-mint.example",
        "https://[::1",
        "https://[v1.x]",
        "https://[mint.example]",
        "https://[1.1.1.1]",
        "https://[fe80::1%25eth0]",
        "https://mint.example/" + "a" * 600,
    ],
)
def test_a_doubtful_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"must|URL|port|Port|address"):
        normalise_mint_url(url)


@given(st.text(max_size=40).map("https://{}".format))
def test_normalising_is_total_and_stable(url: str) -> None:
    try:
        normal = normalise_url(url)
    except ValueError:
        return

    assert normalise_url(normal) == normal
    assert normal.isascii()
    assert not normal.endswith("/")
    assert split_http_url(normal).hostname == split_http_url(url).hostname


def test_a_literal_address_is_told_from_a_name() -> None:
    assert literal_address("127.0.0.1") == ipaddress.ip_address("127.0.0.1")
    assert literal_address("[::1]") == ipaddress.ip_address("::1")
    assert literal_address("mint.example") is None


@pytest.mark.parametrize(
    ("url", "insecure"),
    [
        ("https://mint.example", False),
        ("https://1.1.1.1:3338", False),
        ("http://abcdefghij234567.onion", False),
        ("http://127.0.0.1:3338", True),
        ("http://localhost:3338", True),
        ("http://[::1]:3338", True),
        ("https://mint.example", True),
    ],
)
def test_mints_that_may_be_contacted(url: str, insecure: bool) -> None:
    check_mint_url(url, allow_insecure=insecure)


@pytest.mark.parametrize(
    ("url", "insecure"),
    [
        ("http://mint.example", False),
        ("http://mint.example", True),
        ("http://1.1.1.1", True),
        ("http://127.0.0.1:3338", False),
        ("https://127.0.0.1:3338", False),
        ("https://localhost", False),
        ("https://10.0.0.1", True),
        ("http://192.168.1.1", True),
        ("http://[::ffff:127.0.0.1]", True),
    ],
)
def test_mints_that_may_not(url: str, insecure: bool) -> None:
    with pytest.raises(ValueError, match="must be"):
        check_mint_url(url, allow_insecure=insecure)


@pytest.mark.parametrize(
    ("address", "told_by"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("testclient", "testclient"),
        ("", ""),
    ],
)
def test_what_a_client_is_told_apart_by(address: str, told_by: str) -> None:
    assert network(address) == told_by
