"""What a reviewer publishes: reviews of nodes, models worth having, models' other names. Pure.

Kind 38425 says of a node (tag ``node``, its key) by a label (tag ``t``) what to think of it. Kind
38423 lists models, kind 38426 maps names of models to others. Only the reviewer's own count, and
of those about the same the newest.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from routstr.discovery.events import Event, Filter, newest

REVIEW: Final = 38_425
CURATED: Final = 38_423
MAPPINGS: Final = 38_426
CURATED_NAME: Final = "routstr-21-models"
MAPPINGS_NAME: Final = "model-id-mappings"
REVIEWS_MAX: Final = 1_000
MODELS_MAX: Final = 1_000
MAPPINGS_MAX: Final = 10_000
MODEL_CHARS_MAX: Final = 200
WORDS_CHARS_MAX: Final = 500
_KEY_CHARS: Final = 64
_POSITIVE: Final = frozenset({"trusted", "verified", "lgtm", "lgtm2"})
_NEGATIVE: Final = frozenset({"suspicious", "avoid", "blacklisted", "removed"})

_T = TypeVar("_T")


class Verdict(StrEnum):
    """What a label means."""

    POSITIVE = "positive"
    NEGATIVE = "negative"
    UNKNOWN = "unknown"
    """A label that this version does not know: nothing to rely on."""


class Review(Struct, frozen=True):
    """What was said of a node; ``created_at`` in seconds since 1970."""

    verdict: Verdict
    label: str
    created_at: int
    reviewer: str
    words: str = ""


class Curated(Struct, frozen=True):
    """Models that the reviewer finds worth having; ``created_at`` in seconds since 1970."""

    models: tuple[str, ...] = ()
    created_at: int | None = None


class Names(Struct, frozen=True):
    """Other names of models: from a variant to what it is; ``created_at`` in s since 1970."""

    mappings: Mapping[str, str]
    created_at: int | None = None


class _CuratedJson(Struct):
    models: list[str]


class _MappingsJson(Struct):
    mappings: dict[str, str]


def wanted(reviewer: str) -> list[Filter]:
    """What is asked of relays."""
    author = (reviewer,)
    return [
        Filter(kinds=(REVIEW,), authors=author, limit=REVIEWS_MAX),
        Filter(kinds=(CURATED,), authors=author, tags={"d": (CURATED_NAME,)}, limit=1),
        Filter(kinds=(MAPPINGS,), authors=author, tags={"d": (MAPPINGS_NAME,)}, limit=1),
    ]


def reviews_of(events: Iterable[Event], reviewer: str) -> dict[str, Review]:
    """The newest review of each node, by the node's key."""
    found: dict[str, Event] = {}
    for event in events:
        if event.kind != REVIEW or event.pubkey != reviewer:
            continue
        for node in event.values("node")[:1]:
            known = found.get(node)
            if len(node) == _KEY_CHARS and (known is None or _is_newer(event, known)):
                found[node] = event
    return {node: _review(event) for node, event in found.items()}


def curated_of(events: Iterable[Event], reviewer: str) -> Curated:
    """The newest list of models; an empty one where there is none, or none that can be read."""
    event = _named(events, reviewer, CURATED, CURATED_NAME)
    said = None if event is None else _decoded(event, _CuratedJson)
    if event is None or said is None:
        return Curated()
    models = dict.fromkeys(one for one in said.models if _is_model(one))
    return Curated(tuple(models)[:MODELS_MAX], event.created_at)


def names_of(events: Iterable[Event], reviewer: str) -> Names:
    """The newest mapping of names, without chains: what is a variant itself is no one's goal."""
    event = _named(events, reviewer, MAPPINGS, MAPPINGS_NAME)
    said = None if event is None else _decoded(event, _MappingsJson)
    if event is None or said is None or len(said.mappings) > MAPPINGS_MAX:
        return Names({})
    plain = {
        variant: canonical
        for variant, canonical in said.mappings.items()
        if canonical not in said.mappings and _is_model(variant) and _is_model(canonical)
    }
    return Names(plain, event.created_at)


def _review(event: Event) -> Review:
    labels = [label.lower() for label in event.values("t")]
    bad = next((label for label in labels if label in _NEGATIVE), None)
    good = next((label for label in labels if label in _POSITIVE), None)
    label = bad or good or next(iter(labels), "")  # a warning beside praise is a warning
    verdict = Verdict.NEGATIVE if bad else Verdict.POSITIVE if good else Verdict.UNKNOWN
    words = "".join(c if c.isprintable() else " " for c in event.content[:WORDS_CHARS_MAX])
    return Review(verdict, label[:_KEY_CHARS], event.created_at, event.pubkey, words.strip())


def _named(events: Iterable[Event], reviewer: str, kind: int, name: str) -> Event | None:
    return newest(events).get(f"{kind}:{reviewer}:{name}")


def _is_newer(event: Event, other: Event) -> bool:
    return (-event.created_at, event.id) < (-other.created_at, other.id)


def _is_model(name: str) -> bool:
    return 0 < len(name) <= MODEL_CHARS_MAX and name.isprintable()


def _decoded(event: Event, kind: type[_T]) -> _T | None:
    try:
        return msgspec.json.decode(event.content, type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return None
