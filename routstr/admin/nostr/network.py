"""What others say on Nostr of this node and of models: the port, filled in where it is wired."""

from typing import Protocol

from msgspec import Struct


class ReviewShown(Struct, frozen=True):
    """What the reviewer says of this node; ``created_at`` in ms since 1970."""

    verdict: str
    """``positive``, ``negative`` or ``unknown``."""
    label: str
    words: str
    created_at: int


class NetworkShown(Struct, frozen=True):
    """What was read last, by this process. Times in ms since 1970."""

    reviewer: str
    """The npub that is listened to; empty: nobody is."""
    read_at: int | None = None
    """None: relays have not answered yet, or need not be asked."""
    review: ReviewShown | None = None
    nodes: int | None = None
    """How many nodes ``/v1/providers/`` lists; None: it is off."""
    curated: tuple[str, ...] = ()
    """Models that the reviewer finds worth having."""
    curated_sold: tuple[str, ...] = ()
    """Those of them that this node sells."""
    mappings: int = 0
    """How many other names of models the reviewer knows."""
    mappings_here: tuple[tuple[str, str], ...] = ()
    """Those that lead to models sold here, and under which they are not found here."""


class NetworkDesk(Protocol):
    """The use case."""

    async def show(self) -> NetworkShown:
        """What was read last."""
        ...
