import pytest

from routstr.core.http import outgoing_session
from routstr.core.settings import Settings
from routstr.discovery.relay import Relay, relay_url


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("wss://Relay.Example.com/", "wss://relay.example.com"),
        (" wss://relay.example.com:443/path/ ", "wss://relay.example.com/path"),
        ("ws://" + "a" * 56 + ".onion", "ws://" + "a" * 56 + ".onion"),
    ],
)
def test_addresses_of_relays_have_one_spelling(text: str, url: str) -> None:
    assert relay_url(text) == url


@pytest.mark.parametrize(
    "text",
    [
        "relay.example.com",
        "https://relay.example.com",
        "ws://relay.example.com",
        "wss://10.0.0.1",
        "wss://localhost",
        "wss://user:word@relay.example.com",
        "wss://relay.example.com/?a=1",
        "wss://",
    ],
)
def test_addresses_that_no_relay_has_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must"):
        relay_url(text)


def test_on_this_machine_a_relay_needs_no_certificate_where_that_is_permitted() -> None:
    assert relay_url("ws://127.0.0.1:7777", allow_insecure=True) == "ws://127.0.0.1:7777"


async def test_a_relay_is_shown_by_its_host() -> None:
    async with outgoing_session(Settings()) as session:
        assert Relay("wss://relay.example.com/path", session).host == "relay.example.com"
