"""Events of Nostr (NIP-01): what is signed, what is asked for, and what of an answer is believed.

The library that knows the curve takes half a second to load: it is loaded when the first event is
signed or checked, never before.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

DELETION: Final = 5
SEAL_WRAP: Final = 1059
RELAY_LIST: Final = 10_002
MESSAGE_RELAYS: Final = 10_050
HTTP_AUTH: Final = 27_235
CONTENT_CHARS_MAX: Final = 256 * 1024
TAGS_MAX: Final = 2_000
_ADDRESSABLE: Final = range(30_000, 40_000)
_REPLACEABLE: Final = range(10_000, 20_000)

Hex32 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Hex64 = Annotated[str, Meta(pattern="^[0-9a-f]{128}$")]
Tags = tuple[tuple[str, ...], ...]
_NO_TAGS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType({})


class Draft(Struct, frozen=True):
    """An event before it is signed."""

    kind: int
    tags: Tags
    content: str = ""

    @property
    def identifier(self) -> str:
        """The first ``d`` tag, which names an addressable event among those of its author."""
        return first(self.tags, "d")


class Event(Struct, frozen=True):
    """A signed event; ``created_at`` in seconds since 1970. Its signature may be unchecked."""

    id: Hex32
    pubkey: Hex32
    created_at: Annotated[int, Meta(ge=0, le=2**53)]
    kind: Annotated[int, Meta(ge=0, le=65_535)]
    tags: Annotated[Tags, Meta(max_length=TAGS_MAX)]
    content: Annotated[str, Meta(max_length=CONTENT_CHARS_MAX)]
    sig: Hex64

    @property
    def address(self) -> str:
        """What a newer event of the same author replaces it by; its id where nothing does."""
        if self.kind in _ADDRESSABLE:
            return f"{self.kind}:{self.pubkey}:{self.identifier}"
        return f"{self.kind}:{self.pubkey}:" if self.kind in _REPLACEABLE else self.id

    @property
    def identifier(self) -> str:
        """The first ``d`` tag."""
        return first(self.tags, "d")

    def values(self, name: str) -> tuple[str, ...]:
        """The values of all tags of a name, in order."""
        return tuple(tag[1] for tag in self.tags if len(tag) > 1 and tag[0] == name)

    def says(self, draft: Draft) -> bool:
        """Whether it is this draft, signed."""
        return (self.kind, self.tags, self.content) == (draft.kind, draft.tags, draft.content)


class Filter(Struct, frozen=True):
    """What is asked for (NIP-01); ``tags`` by their letter. An empty part asks for everything."""

    kinds: tuple[int, ...] = ()
    authors: tuple[str, ...] = ()
    tags: Mapping[str, tuple[str, ...]] = _NO_TAGS
    since: int | None = None
    limit: int | None = None

    def wire(self) -> dict[str, object]:
        """As a relay reads it."""
        said: dict[str, object] = {
            "kinds": self.kinds,
            "authors": self.authors,
            **{f"#{letter}": values for letter, values in self.tags.items()},
        }
        asked = {name: value for name, value in said.items() if value}
        bounds = {"since": self.since, "limit": self.limit}
        return asked | {name: value for name, value in bounds.items() if value is not None}

    def admits(self, event: Event) -> bool:
        """Whether an event was asked for: relays send what they like."""
        return (
            (not self.kinds or event.kind in self.kinds)
            and (not self.authors or event.pubkey in self.authors)
            and (self.since is None or event.created_at >= self.since)
            and all(set(values) & set(event.values(name)) for name, values in self.tags.items())
        )


def first(tags: Tags, name: str) -> str:
    """The value of the first tag of a name; empty: there is none."""
    return next((tag[1] for tag in tags if len(tag) > 1 and tag[0] == name), "")


def parse(data: bytes | str) -> Event | None:
    """An event out of JSON, its signature unchecked; None: it is none."""
    try:
        return msgspec.json.decode(data, type=Event)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def is_genuine(event: Event) -> bool:
    """Whether id and signature are right. Takes 1 ms of the processor; blocks."""
    import nostr_sdk  # noqa: PLC0415 - takes half a second

    try:
        return bool(nostr_sdk.Event.from_json(msgspec.json.encode(event).decode()).verify())
    except nostr_sdk.NostrSdkError:
        return False


def genuine(events: Iterable[Event]) -> list[Event]:
    """Those whose id and signature are right, each once. Blocks."""
    found = {event.id: event for event in events if is_genuine(event)}
    return list(found.values())


def newest(events: Iterable[Event]) -> dict[str, Event]:
    """The newest of each address; of two of the same second the one with the lower id (NIP-01)."""
    found: dict[str, Event] = {}
    for event in events:
        other = found.get(event.address)
        if other is None or (-event.created_at, event.id) < (-other.created_at, other.id):
            found[event.address] = event
    return found
