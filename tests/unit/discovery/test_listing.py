"""What announcements of strangers come to."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routstr.core.secret import Secret
from routstr.discovery.events import Event
from routstr.discovery.identity import Identity
from routstr.discovery.listing import (
    CONTENT_CHARS_MAX,
    FUTURE_SECONDS_MAX,
    MINTS_MAX,
    NAME_CHARS_MAX,
    OF_ONE_KEY_MAX,
    TAGS_CHARS_MAX,
    URLS_MAX,
    candidates,
    provider_of,
)
from routstr.discovery.reviews import Review, Verdict
from tests.unit.discovery.nodes_played import announced

BOB, EVE, DAN = (Identity(Secret(f"{n}{n}" * 32)) for n in (1, 2, 3))
ONION = f"http://{'a' * 56}.onion"
URL = "https://node.example.com"
NOW = 2_000


def test_an_announcement_is_read_as_the_directory_tells_it() -> None:
    event = announced(
        BOB, "HTTPS://Node.Example.com:443/", ONION, URL, name="bob",
        more=(("mint", "https://mint.example.com/"), ("mint", "nonsense"), ("version", "0.4")),
        content='{"name":"Bob","about":"sells\\nmodels"}',
    )  # fmt: skip
    found = provider_of(event)
    assert found is not None
    assert msgspec.structs.asdict(found) == {
        "id": "bob",
        "pubkey": BOB.pubkey,
        "created_at": 1_000,
        "kind": 38_421,
        "endpoint_url": URL,
        "endpoint_urls": (URL, ONION),
        "name": "Bob",
        "description": "sells models",
        "mint_urls": ("https://mint.example.com",),
        "version": "0.4",
        "content": '{"name":"Bob","about":"sells\\nmodels"}',
    }
    assert found.onion_url == ONION


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:8000",
        "http://127.0.0.1",
        "http://10.0.0.1:8000",
        "http://[::1]",
        "http://169.254.169.254/latest",
        "https://node",
        "https://node.local",
        "ftp://node.example.com",
        "https://user@node.example.com",
        "https://node.example.com/?q=1",
        "javascript:alert(1)",
        "",
    ],
)
def test_addresses_that_others_cannot_reach_are_none(url: str) -> None:
    assert provider_of(announced(BOB, url)) is None
    beside = provider_of(announced(BOB, url, URL))
    assert beside is not None
    assert beside.endpoint_urls == (URL,)


@pytest.mark.parametrize(
    "event",
    [
        announced(BOB),
        announced(BOB, URL, name=""),
        announced(BOB, URL, name="x" * (NAME_CHARS_MAX + 1)),
        announced(BOB, URL, content="x" * (CONTENT_CHARS_MAX + 1)),
        announced(BOB, URL, more=(("more", "x" * TAGS_CHARS_MAX),)),
        announced(BOB, URL, more=(("more", *[""] * TAGS_CHARS_MAX),)),
        msgspec.structs.replace(announced(BOB, URL), kind=38_422),
    ],
    ids=[
        "no address",
        "no name",
        "long name",
        "long content",
        "long tag",
        "many words",
        "other kind",
    ],
)
def test_what_is_no_announcement_is_left_out(event: Event) -> None:
    assert provider_of(event) is None


@pytest.mark.parametrize("content", ["", "x", "[]", '{"name":7,"about":null}', "[" * 5_000])
def test_content_that_says_nothing_costs_only_name_and_description(content: str) -> None:
    event = msgspec.structs.replace(announced(BOB, URL), content=content)
    found = provider_of(event)
    assert found is not None
    assert (found.name, found.description) == ("", "")


def test_sizes_and_counts_are_bounded() -> None:
    mints = tuple(("mint", f"https://m{number}.example.com") for number in range(100))
    urls = [f"https://n{number}.example.com" for number in range(100)]
    said = msgspec.json.encode({"name": "n\x1b" * 300, "about": "b" * 5_000}).decode()
    found = provider_of(announced(BOB, *urls, more=(*mints, ("version", "9" * 99)), content=said))
    assert found is not None
    assert (len(found.endpoint_urls), len(found.mint_urls)) == (URLS_MAX, MINTS_MAX)
    assert len(found.name) <= NAME_CHARS_MAX
    assert found.name.isprintable()
    assert (len(found.description), len(found.version)) == (2_000, 64)


def test_the_newest_of_an_address_counts_but_not_one_from_the_future() -> None:
    late = NOW + FUTURE_SECONDS_MAX
    events = [
        announced(BOB, "https://old.example.com", at=1_000),
        announced(BOB, URL, at=late),
        announced(BOB, "https://future.example.com", at=late + 1),
        announced(EVE, "https://eve.example.com", at=1_000),
        announced(EVE, at=1_001),
    ]
    assert [one.endpoint_url for one in candidates(events, {}, NOW)] == [URL]


def test_the_well_reviewed_come_first_and_nobody_fills_the_list() -> None:
    crowd = [announced(EVE, f"https://e{n}.example.com", at=1_500, name=str(n)) for n in range(20)]
    reviews = {
        BOB.pubkey: Review(Verdict.POSITIVE, "trusted", 1, "r"),
        DAN.pubkey: Review(Verdict.NEGATIVE, "avoid", 1, "r"),
    }
    events = [*crowd, announced(BOB, URL), announced(DAN, "https://dan.example.com", at=1_900)]
    found = [one.pubkey for one in candidates(events, reviews, NOW)]
    assert found == [BOB.pubkey, *[EVE.pubkey] * OF_ONE_KEY_MAX, DAN.pubkey]


@given(
    st.lists(st.tuples(st.sampled_from(["u", "mint", "version", "d"]), st.text(max_size=80))),
    st.text(max_size=80),
)
def test_whatever_is_announced_is_read_or_left_out(tags: Any, content: str) -> None:
    odd = [("u", f"https://{text}") for _, text in tags]
    event = msgspec.structs.replace(
        announced(BOB, URL), tags=(*tags, *odd, ("d", "x"), ("u", URL)), content=content
    )
    found = provider_of(event)
    assert found is None or found.endpoint_urls
    assert len(list(candidates([event], {}, NOW))) == (found is not None)
