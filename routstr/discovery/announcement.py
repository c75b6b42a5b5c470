"""What the node says of itself on Nostr, as drafts: decided here, signed and sent elsewhere. Pure.

Kind 38421 (RIP-02): tags ``d`` (its name among the announcements of the key), ``u`` for each
address (clearnet first, then onion), ``mint`` for each mint and ``version``; the content is a JSON
object with ``name`` and ``about``.
"""

from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from routstr.core.settings import Settings
from routstr.core.tor import is_own
from routstr.discovery.events import DELETION, RELAY_LIST, Draft, Event, newest
from routstr.version import __version__

ANNOUNCEMENT: Final = 38_421
ANALYTICS: Final = 38_422
ID_CHARS: Final = 12


class Facts(Struct, frozen=True):
    """What is announced. ``urls`` are those that others can reach."""

    name: str
    about: str
    urls: tuple[str, ...]
    mints: tuple[str, ...]
    version: str = __version__

    @classmethod
    def of(cls, settings: Settings, onion_url: str) -> "Facts":
        """As the settings have it; ``onion_url`` may have been found elsewhere."""
        urls = [url for url in (settings.http_url, onion_url) if is_reachable(url)]
        return cls(settings.name, settings.description, tuple(urls), settings.cashu_mints)


def is_reachable(url: str) -> bool:
    """Whether others can reach an address, as far as it shows."""
    return not is_own(urlsplit(url).hostname or "")


def announcement(facts: Facts, provider: str) -> Draft:
    """The announcement; ``provider`` is its name among those of the same key."""
    tags = [
        ("d", provider),
        *(("u", url) for url in facts.urls),
        *(("mint", mint) for mint in facts.mints),
        ("version", facts.version),
    ]
    return Draft(ANNOUNCEMENT, tuple(tags), _json(name=facts.name, about=facts.about))


def withdrawal(pubkey: str, provider: str) -> tuple[Draft, Draft]:
    """What is said when the node is to be found no more: an announcement without an address.

    And the wish to delete it and the figures (NIP-09), which not every relay grants.
    """
    empty = Draft(ANNOUNCEMENT, (("d", provider),), _json(name="", about=""))
    coordinates = (
        f"{ANNOUNCEMENT}:{pubkey}:{provider}",
        f"{ANALYTICS}:{pubkey}:{analytics_name(provider)}",
    )
    tags = [("a", one) for one in coordinates]
    kinds = [("k", str(kind)) for kind in (ANNOUNCEMENT, ANALYTICS)]
    return empty, Draft(DELETION, (*tags, *kinds), "")


def analytics_name(provider: str) -> str:
    """The name of the published figures."""
    return f"{provider}:stats"


def choose_provider(events: Iterable[Event], facts: Facts, pubkey: str) -> str:
    """The name of this node's announcement: that of the newest one, else the key's beginning.

    One with an address of this node is preferred: the key may announce other nodes, too.
    """
    own = [event for event in newest(events).values() if event.kind == ANNOUNCEMENT]
    named = [event for event in own if event.pubkey == pubkey and event.identifier]
    alike = [event for event in named if set(facts.urls) & set(event.values("u"))]
    found = sorted(alike or named, key=lambda event: (-event.created_at, event.id))
    return found[0].identifier if found else pubkey[:ID_CHARS]


def next_moment(now_s: int, events: Iterable[Event]) -> int:
    """When a new event is dated, in seconds since 1970: after all that it replaces."""
    return max([now_s, *(event.created_at + 1 for event in events)])


def writing_relays(events: Iterable[Event], pubkey: str) -> Sequence[str]:
    """Where the owner of a key publishes, by its own newest list (NIP-65); unchecked addresses."""
    lists = [event for event in newest(events).values() if event.kind == RELAY_LIST]
    tags = [tag for event in lists if event.pubkey == pubkey for tag in event.tags]
    named = [tag for tag in tags if len(tag) > 1 and tag[0] == "r"]
    return [tag[1] for tag in named if len(tag) < 3 or tag[2] != "read"]  # noqa: PLR2004 - marker


def _json(**values: str) -> str:
    return msgspec.json.encode(values).decode()
