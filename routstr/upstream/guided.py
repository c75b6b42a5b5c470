"""Routers of packages: which of a model's candidates are asked, and in which order.

What the node knows comes first: who sells the model, who speaks the endpoint, who is left alone at
the moment. A guide then takes from that and orders it; it cannot add a provider or change a price.
Who is dearer than what is held for the request is passed over, wherever a guide puts him.
"""

from collections.abc import Sequence
from typing import Final, Protocol, runtime_checkable

from msgspec import Struct

from routstr.catalog.snapshot import ModelEntry
from routstr.errors import UpstreamUnavailable
from routstr.upstream.fleet import Fleet
from routstr.upstream.routing import CANDIDATES_MAX, Choice, Router


class Wanted(Struct, frozen=True):
    """What a client asks for: the model as it is sold, and the node's endpoint."""

    model: str
    endpoint: str


@runtime_checkable
class Guide(Protocol):
    """A router of a package. Called for every paid request: quick, and without I/O."""

    def guide(self, wanted: Wanted, choices: Sequence[Choice]) -> Sequence[Choice]:
        """These candidates, the one to ask first in front, without those that must not be asked."""
        ...


class GuidedRouter(Router):
    """Chooses as :class:`Router` does, then lets guides choose, one after the other."""

    __slots__ = ("_guides",)

    def __init__(self, fleet: Fleet, guides: Sequence[Guide]) -> None:
        super().__init__(fleet, most=None)
        self._guides: Final = tuple(guides)

    def choices(
        self, entry: ModelEntry, endpoint: str, instead: str | None, now: float
    ) -> Sequence[Choice]:
        """See :class:`Router`; ``UpstreamUnavailable`` also when a guide leaves nobody."""
        found = super().choices(entry, endpoint, instead, now)
        return self._guided(Wanted(entry.id, endpoint), found)[:CANDIDATES_MAX]

    def pinned(
        self, entry: ModelEntry, endpoint: str, instead: str | None, path: str
    ) -> Sequence[Choice]:
        """See :class:`Router`: whom no guide lets through cannot be pinned either."""
        found = super().pinned(entry, endpoint, instead, path)
        return self._guided(Wanted(entry.id, endpoint), found)

    def _guided(self, wanted: Wanted, choices: Sequence[Choice]) -> Sequence[Choice]:
        for guide in self._guides:
            offered = choices
            chosen = dict.fromkeys(map(id, guide.guide(wanted, offered)))
            by_id = {id(one): one for one in offered}
            choices = [by_id[one] for one in chosen if one in by_id]  # nobody else, nobody twice
        if not choices:
            raise UpstreamUnavailable("No provider may serve this model here. Nothing was charged.")
        return choices
