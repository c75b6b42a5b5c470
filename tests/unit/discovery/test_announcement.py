import msgspec
import pytest

from routstr.core.secret import Secret
from routstr.core.settings import Settings
from routstr.discovery.announcement import (
    ANNOUNCEMENT,
    Facts,
    announcement,
    choose_provider,
    is_reachable,
    next_moment,
    withdrawal,
    writing_relays,
)
from routstr.discovery.events import RELAY_LIST, Draft, Event
from routstr.discovery.identity import Identity

ME = Identity(Secret("11" * 32))
EVE = Identity(Secret("22" * 32))
ONION = "http://" + "a" * 56 + ".onion"
FACTS = Facts("Bob", "sells", ("https://n.example.com", ONION), ("https://m.example.com",), "1.0")


def announced(name: str, at: int, *urls: str, me: Identity = ME) -> Event:
    tags = (("d", name), *(("u", url) for url in urls))
    return me.sign(Draft(ANNOUNCEMENT, tags), at)


def test_the_clearnet_address_comes_first_then_onion_then_mints_then_the_version() -> None:
    draft = announcement(FACTS, "my-id")
    assert draft.kind == 38_421
    assert draft.tags == (
        ("d", "my-id"),
        ("u", "https://n.example.com"),
        ("u", ONION),
        ("mint", "https://m.example.com"),
        ("version", "1.0"),
    )
    assert msgspec.json.decode(draft.content) == {"name": "Bob", "about": "sells"}


def test_facts_are_those_of_the_settings_and_addresses_that_others_reach() -> None:
    settings = Settings(name="A", description="b", http_url="http://localhost:8000")
    assert Facts.of(settings, "").urls == ()
    assert Facts.of(settings, ONION).urls == (ONION,)
    assert (Facts.of(settings, "").name, Facts.of(settings, "").about) == ("A", "b")


@pytest.mark.parametrize("url", ["https://n.example.com", "https://8.8.8.8", ONION])
def test_addresses_that_others_reach(url: str) -> None:
    assert is_reachable(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://localhost:8000",
        "http://127.0.0.1",
        "http://[::1]:8000",
        "https://10.1.2.3",
        "https://nas.local",
        "https://node",
        "https://192.168.1.5:8443",
    ],
)
def test_addresses_that_only_this_network_reaches_are_not_announced(url: str) -> None:
    assert not is_reachable(url)


def test_a_withdrawal_names_what_is_to_be_deleted() -> None:
    empty, deletion = withdrawal(ME.pubkey, "my-id")
    assert empty.tags == (("d", "my-id"),)
    assert deletion.kind == 5
    assert deletion.tags[:2] == (
        ("a", f"38421:{ME.pubkey}:my-id"),
        ("a", f"38422:{ME.pubkey}:my-id:stats"),
    )


def test_the_name_of_the_newest_own_announcement_is_taken_up() -> None:
    events = [
        announced("old", 1, "https://x.example.com"),
        announced("new", 2, "https://x.example.com"),
        announced("eves", 3, "https://n.example.com", me=EVE),
        ME.sign(Draft(1, (("d", "note"),)), 9),
        ME.sign(Draft(ANNOUNCEMENT, ()), 9),
    ]
    assert choose_provider(events, FACTS, ME.pubkey) == "new"
    mine = announced("mine", 1, "https://n.example.com")
    assert choose_provider([*events, mine], FACTS, ME.pubkey) == "mine"
    assert choose_provider([], FACTS, ME.pubkey) == ME.pubkey[:12]


def test_a_new_event_is_dated_after_all_that_it_replaces() -> None:
    assert next_moment(100, []) == 100
    assert next_moment(100, [announced("a", 99)]) == 100
    assert next_moment(100, [announced("a", 500), announced("b", 3)]) == 501


def test_the_relays_that_a_key_writes_to() -> None:
    tags = (
        ("r", "wss://a"),
        ("r", "wss://b", "write"),
        ("r", "wss://c", "read"),
        ("r",),
        ("e", "wss://d"),
    )
    old = ME.sign(Draft(RELAY_LIST, (("r", "wss://old"),)), 1)
    new = ME.sign(Draft(RELAY_LIST, tags), 2)
    eves = EVE.sign(Draft(RELAY_LIST, (("r", "wss://evil"),)), 3)
    assert writing_relays([old, new, eves], ME.pubkey) == ["wss://a", "wss://b"]
    assert writing_relays([], ME.pubkey) == []
