import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from devkit.lnurl import LnurlServer, Play
from routstr.core.clock import SystemClock
from routstr.core.http import outgoing_session
from routstr.core.settings import Settings
from routstr.errors import LightningAddressRefused
from routstr.payment import lnurl
from routstr.payment.lnurl import Lnurl, pay_url
from routstr.wallet import bech32
from routstr.wallet.bech32 import Variant
from routstr.wallet.bolt11 import decode


def lnurl1(url: str) -> str:
    return bech32.encode("lnurl", url.encode(), Variant.BECH32)


@pytest.fixture
async def bob() -> AsyncIterator[LnurlServer]:
    async with LnurlServer() as server:
        yield server


@pytest.fixture
async def session(tmp_path: Path) -> AsyncIterator[aiohttp.ClientSession]:
    settings = Settings(routstr_secret_key_file=tmp_path / "key")
    async with outgoing_session(settings, allow_loopback=True) as session:
        yield session


@pytest.fixture
def asking(session: aiohttp.ClientSession) -> Lnurl:
    return Lnurl(session, SystemClock(), allow_local=True)


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("bob@example.com", "https://example.com/.well-known/lnurlp/bob"),
        (" Bob@Example.com ", "https://example.com/.well-known/lnurlp/bob"),
        ("lightning:bob+tips@example.com", "https://example.com/.well-known/lnurlp/bob+tips"),
        ("bob@example.com:8443", "https://example.com:8443/.well-known/lnurlp/bob"),
        ("lnurlp://example.com/pay?to=Bob", "https://example.com/pay?to=Bob"),
        (lnurl1("https://example.com/pay?to=Bob"), "https://example.com/pay?to=Bob"),
        (lnurl1("https://example.com/pay").upper(), "https://example.com/pay"),
        ("LIGHTNING:" + lnurl1("https://example.com/pay").upper(), "https://example.com/pay"),
    ],
)
def test_all_forms_of_an_address(address: str, url: str) -> None:
    assert pay_url(address) == url


@pytest.mark.parametrize(
    "address",
    [
        "",
        "bob",
        "bob@",
        "@example.com",
        "bob@exa mple.com",
        "bob@example.com/evil",
        "bob@example.com\r\nHost: x",
        "bob@me@example.com",
        "https://example.com/pay",
        "lnurlp://",
        "lnurlp://user:secret@example.com/pay",
        "lnurlp://example.com/pay#part",
        "lnurl1qqqqqq",
        lnurl1("https://example.com/pay")[:-1] + "q",
        lnurl1("http://example.com/pay"),
        lnurl1("ftp://example.com/pay"),
        lnurl1("https://example.com/" + "x" * 600),
        bech32.encode("lnurl", "https://exämple.com".encode(), Variant.BECH32),
        bech32.encode("lnurlx", b"https://example.com", Variant.BECH32),
    ],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(LightningAddressRefused):
        pay_url(address)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "192.168.1.1",
        "224.0.0.1",
        "2130706433.onion",
        "abcdefgh.onion",
        "abcdefgh.onion.",
    ],
)
def test_an_address_that_is_not_public_is_refused_before_anything_is_sent(host: str) -> None:
    for address in (f"bob@{host}", f"lnurlp://{host}/pay", lnurl1(f"https://{host}/pay")):
        with pytest.raises(LightningAddressRefused):
            pay_url(address)


@pytest.mark.parametrize("host", ["[::1]", "[::ffff:10.0.0.1]", "[64:ff9b::a00:1]", "[fe80::1]"])
def test_so_is_every_disguise_in_version_six(host: str) -> None:
    for address in (f"lnurlp://{host}/pay", lnurl1(f"https://{host}/pay")):
        with pytest.raises(LightningAddressRefused):
            pay_url(address)


def test_this_machine_is_for_development_only() -> None:
    assert pay_url("bob@127.0.0.1:81", allow_local=True) == (
        "http://127.0.0.1:81/.well-known/lnurlp/bob"
    )
    assert pay_url("lnurlp://localhost:81/x", allow_local=True) == "http://localhost:81/x"
    assert pay_url("bob@example.com", allow_local=True).startswith("https://")
    with pytest.raises(LightningAddressRefused):
        pay_url("bob@192.168.1.1", allow_local=True)


async def test_an_invoice_of_exactly_the_amount(bob: LnurlServer, asking: Lnurl) -> None:
    offer = await asking.offer(bob.address)
    invoice = decode(await asking.invoice(offer, 21))
    assert (invoice.amount, offer.least, offer.most) == (21_000, 1_000, 10**12)
    assert bob.asked == [21_000]


@pytest.mark.parametrize(
    "play",
    ["another tag", "callback elsewhere", "compressed", "garbage", "giant", "not found"],
)
async def test_odd_parameters_are_refused(bob: LnurlServer, asking: Lnurl, play: Play) -> None:
    bob.play = play
    with pytest.raises(LightningAddressRefused):
        await asking.offer(bob.address)


@pytest.mark.parametrize(
    "play", ["another amount", "another description", "expired", "giant", "no invoice", "garbage"]
)
async def test_odd_invoices_are_refused(bob: LnurlServer, asking: Lnurl, play: Play) -> None:
    offer = await asking.offer(bob.address)
    bob.play = play
    with pytest.raises(LightningAddressRefused):
        await asking.invoice(offer, 21)


async def test_a_redirect_is_not_followed(bob: LnurlServer, asking: Lnurl) -> None:
    bob.play = "redirect"
    with pytest.raises(LightningAddressRefused):
        await asking.offer(bob.address)
    assert (len(bob.paths), bob.was_led_astray) == (1, False)


async def test_a_slow_server_is_left(
    bob: LnurlServer, asking: Lnurl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lnurl, "CALL_SECONDS_MAX", 0.2)
    bob.play = "slow"
    async with asyncio.timeout(5):
        with pytest.raises(LightningAddressRefused, match="cannot be reached"):
            await asking.offer(bob.address)


async def test_the_servers_own_words_are_told_in_one_line(bob: LnurlServer, asking: Lnurl) -> None:
    bob.play = "refuses"
    with pytest.raises(LightningAddressRefused, match=r"refused: Bob is out\.$"):
        await asking.offer(bob.address)


async def test_a_session_that_allows_no_loopback_connects_to_none(
    bob: LnurlServer, tmp_path: Path
) -> None:
    """The connection is checked at the last moment, whatever the address looked like."""
    settings = Settings(routstr_secret_key_file=tmp_path / "key")
    async with outgoing_session(settings) as session:
        with pytest.raises(LightningAddressRefused, match="cannot be reached"):
            await Lnurl(session, SystemClock(), allow_local=True).offer(bob.address)
    assert not bob.paths


async def test_an_address_that_takes_nothing(asking: Lnurl) -> None:
    for least, most in ((5, 4), (0, 0)):
        async with LnurlServer(least_msat=least, most_msat=most) as bob:
            with pytest.raises(LightningAddressRefused):
                await asking.offer(bob.address)
