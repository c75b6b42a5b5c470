"""Which nodes are found in announcements (kind 38421, RIP-02), as anybody may publish them. Pure.

Of each address (key and ``d``) the newest counts; one without a ``u`` tag withdraws it, or was
never an announcement: other projects use the kind, too. Everything is bounded.
"""

from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from routstr.core.addresses import normalise_url
from routstr.core.tor import is_onion
from routstr.discovery.announcement import ANNOUNCEMENT, is_reachable
from routstr.discovery.events import Event, newest
from routstr.discovery.reviews import Review, Verdict

FUTURE_SECONDS_MAX: Final = 900
"""How far ahead of our clock an event may be dated: others have clocks, too."""
CANDIDATES_MAX: Final = 100
OF_ONE_KEY_MAX: Final = 8
URLS_MAX: Final = 8
MINTS_MAX: Final = 32
CONTENT_CHARS_MAX: Final = 8_192
TAGS_CHARS_MAX: Final = 32_768
"""Of all tags of an announcement together: those behind the list are kept in memory."""
NAME_CHARS_MAX: Final = 200
ABOUT_CHARS_MAX: Final = 2_000
_WORD_CHARS_MAX: Final = 64
_ORDER: Final = {Verdict.POSITIVE: 0, None: 1, Verdict.UNKNOWN: 2, Verdict.NEGATIVE: 3}


class Provider(Struct, frozen=True):
    """A node as it announces itself; ``created_at`` in seconds since 1970."""

    id: str
    """Its name among the announcements of its key (``d``)."""
    pubkey: str
    created_at: int
    kind: int
    endpoint_url: str
    endpoint_urls: tuple[str, ...]
    name: str
    description: str
    mint_urls: tuple[str, ...]
    version: str
    content: str
    """The announcement's own content, as it was signed."""

    @property
    def onion_url(self) -> str | None:
        """Where it is found inside Tor."""
        return next((url for url in self.endpoint_urls if of_tor(url)), None)


def of_tor(url: str) -> bool:
    """Whether an address is reached through Tor only."""
    return is_onion(urlsplit(url).hostname or "")


def provider_of(event: Event) -> Provider | None:
    """The node that an announcement is about; None: it names none that others can reach."""
    urls = _urls(event)
    if event.kind != ANNOUNCEMENT or not urls or not 0 < len(event.identifier) <= NAME_CHARS_MAX:
        return None
    if len(event.content) > CONTENT_CHARS_MAX or _chars(event) > TAGS_CHARS_MAX:
        return None
    name, about = _told(event.content)
    return Provider(
        id=event.identifier,
        pubkey=event.pubkey,
        created_at=event.created_at,
        kind=event.kind,
        endpoint_url=urls[0],
        endpoint_urls=urls,
        name=name,
        description=about,
        mint_urls=tuple(dict.fromkeys(filter(None, map(_url, event.values("mint")))))[:MINTS_MAX],
        version=_line(next(iter(event.values("version")), ""), _WORD_CHARS_MAX),
        content=event.content,
    )


def in_time(events: Iterable[Event], now_s: int) -> Iterable[Event]:
    """Leave out what is dated more than a quarter of an hour ahead: it would never be replaced."""
    return (event for event in events if event.created_at <= now_s + FUTURE_SECONDS_MAX)


def candidates(
    events: Iterable[Event], reviews: Mapping[str, Review], now_s: int
) -> tuple[Provider, ...]:
    """Who is worth being asked: the well reviewed first, then the newest; a few of each key."""
    found = [provider_of(event) for event in newest(in_time(events, now_s)).values()]
    ordered = sorted(filter(None, found), key=lambda one: rank(one, reviews))
    kept: list[Provider] = []
    of_key: dict[str, int] = {}
    for one in ordered:
        of_key[one.pubkey] = of_key.get(one.pubkey, 0) + 1
        if of_key[one.pubkey] <= OF_ONE_KEY_MAX:
            kept.append(one)
    return tuple(kept[:CANDIDATES_MAX])


def rank(one: Provider, reviews: Mapping[str, Review]) -> tuple[int, int, str]:
    """The better reviewed before the newer."""
    review = reviews.get(one.pubkey)
    return _ORDER[review.verdict if review else None], -one.created_at, one.pubkey


def _chars(event: Event) -> int:
    return sum(len(text) + 1 for tag in event.tags for text in tag)


def _urls(event: Event) -> tuple[str, ...]:
    found = (_url(text) for text in event.values("u"))
    return tuple(dict.fromkeys(url for url in found if url and is_reachable(url)))[:URLS_MAX]


def _url(text: str) -> str:
    """One spelling of an http(s) address; empty: it is none."""
    try:
        return normalise_url(text.strip(" "))
    except ValueError:
        return ""


def _told(content: str) -> tuple[str, str]:
    """Name and description; both may be missing."""
    try:
        said = msgspec.json.decode(content, type=dict[str, object])
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return "", ""
    name, about = said.get("name"), said.get("about")
    return (
        _line(name, NAME_CHARS_MAX) if isinstance(name, str) else "",
        _line(about, ABOUT_CHARS_MAX) if isinstance(about, str) else "",
    )


def _line(text: str, chars_max: int) -> str:
    """One line that a page or a terminal can show."""
    return " ".join("".join(c if c.isprintable() else " " for c in text[:chars_max]).split())
