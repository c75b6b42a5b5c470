"""Which providers are asked for a model, and in which order.

The catalog ranks them by price and priority; here those that do not speak the endpoint are left
out, and those that are left alone at the moment come last, the one that is nearest to its end
first: a provider is only passed over for another one. With nobody else it is asked all the same,
because a wrong guess would make an outage out of a fault.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from routstr.catalog.snapshot import ModelEntry
from routstr.errors import EndpointNotServed, UpstreamUnavailable
from routstr.upstream.carrier import Carrier, rest_of
from routstr.upstream.fleet import Fleet
from routstr.upstream.paths import follow, read_path

CANDIDATES_MAX: Final = 5
"""How many providers one request is offered to."""


class Choice(Struct, frozen=True, gc=False):
    """A provider that may serve a request: at what price, and whether in the client's own words.

    ``forced``: it is left alone at the moment, and asked for want of another only.
    """

    entry: ModelEntry
    carrier: Carrier
    native: bool
    forced: bool = False


class Router:
    """Chooses. ``endpoint`` is the node's path, ``instead`` one that it can be translated to."""

    __slots__ = ("_fleet", "_most")

    def __init__(self, fleet: Fleet, *, most: int | None = CANDIDATES_MAX) -> None:
        """``most`` candidates at most are given; None: all of them."""
        self._fleet: Final = fleet
        self._most: Final = most

    @property
    def idle(self) -> bool:
        """Whether there is no provider at all."""
        return not self._fleet.carriers

    def choices(
        self, entry: ModelEntry, endpoint: str, instead: str | None, now: float
    ) -> Sequence[Choice]:
        """The candidates, the one to ask first in front; at least one.

        Raises :class:`EndpointNotServed` when none of them speaks the endpoint, and
        :class:`UpstreamUnavailable` when none of them is there (any more).
        """
        if not entry.others:
            choice = self._choice(entry, endpoint, instead)
            if choice is None:
                raise self._nobody((entry,), endpoint)
            if not choice.carrier.available(now, entry.upstream_id):
                choice = replace(choice, forced=True)
            return (choice,)
        entries = (entry, *entry.others)
        found = [one for each in entries if (one := self._choice(each, endpoint, instead))]
        if not found:
            raise self._nobody(entries, endpoint)
        ready = [one for one in found if one.carrier.available(now, one.entry.upstream_id)]
        resting = [replace(one, forced=True) for one in found if one not in ready]
        resting.sort(key=lambda one: rest_of(one.carrier, now))
        return (ready + resting)[: self._most]

    def pinned(
        self, entry: ModelEntry, endpoint: str, instead: str | None, path: str
    ) -> Sequence[Choice]:
        """The one candidate that a model path leads to, left alone or not.

        Raises :class:`InvalidModelPath`, or :class:`EndpointNotServed` when it does not speak the
        endpoint.
        """
        carriers = self._fleet.carriers
        entries = (entry, *entry.others)
        places = [
            (one, carriers[one.provider].profile) for one in entries if one.provider in carriers
        ]
        found = follow(read_path(path), places)
        choice = self._choice(found, endpoint, instead)
        if choice is None:
            raise self._nobody((found,), endpoint)
        return (replace(choice, forced=True),)

    def named(self, entry: ModelEntry) -> Sequence[Choice]:
        """The provider of an entry that is no model; :class:`UpstreamUnavailable` without it."""
        carrier = self._fleet.carriers.get(entry.provider)
        if carrier is None:
            raise UpstreamUnavailable("Its provider is not connected. Nothing was charged.")
        return (Choice(entry, carrier, native=True, forced=True),)

    def _choice(self, entry: ModelEntry, endpoint: str, instead: str | None) -> Choice | None:
        carrier = self._fleet.carriers.get(entry.provider)
        if carrier is None:
            return None
        if carrier.speaks(endpoint):
            return Choice(entry, carrier, native=True)
        if instead is not None and carrier.speaks(instead):
            return Choice(entry, carrier, native=False)
        return None

    def _nobody(
        self, entries: Sequence[ModelEntry], endpoint: str
    ) -> EndpointNotServed | UpstreamUnavailable:
        if any(entry.provider in self._fleet.carriers for entry in entries):
            return EndpointNotServed(
                f"Model {entries[0].id!r} is not served at {endpoint}.",
                details={"model": entries[0].id, "endpoint": endpoint},
            )
        return UpstreamUnavailable("No provider of this model is connected. Nothing was charged.")
