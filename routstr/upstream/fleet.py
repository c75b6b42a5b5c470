"""All providers of a running node by name, replaced as a whole when the operator changes one."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from routstr.upstream.carrier import Carrier, CarrierParts
from routstr.upstream.provider import Profile


class Fleet:
    """Who can be asked. A request keeps the carrier it has, whatever changes meanwhile."""

    __slots__ = ("_parts", "carriers")

    def __init__(self, parts: CarrierParts, profiles: Iterable[Profile] = ()) -> None:
        self._parts: Final = parts
        self.carriers: Mapping[str, Carrier] = MappingProxyType({})
        """In the order of the profiles."""
        self.set(profiles)

    def set(self, profiles: Iterable[Profile]) -> None:
        """Ask these from now on. What is known of one that stays is kept."""
        carriers: dict[str, Carrier] = {}
        for profile in profiles:
            earlier = self.carriers.get(profile.name)
            if earlier is not None and earlier.profile == profile:
                carriers[profile.name] = earlier
                continue
            made = carriers[profile.name] = Carrier(profile, self._parts)
            if earlier is not None:
                made.inherit(earlier)
        self.carriers = MappingProxyType(carriers)
