"""The providers as they are described, connected or not: found by name, with their ids."""

from collections.abc import Sequence
from dataclasses import dataclass

from routstr.upstream.client import UpstreamLimits
from routstr.upstream.provider import Profile
from routstr.upstream.service import Providers


@dataclass(frozen=True, slots=True)
class Servers:
    """``own`` are those of the settings, ``usual`` the limits of who has none of its own."""

    providers: Providers
    own: Sequence[Profile]
    usual: UpstreamLimits

    async def profile(self, which: str) -> Profile:
        """A provider by id or slug. Raises ``ProviderNotFound``."""
        for profile in self.own:
            if which in {profile.name, str(profile.id)}:
                return profile
        return (await self.providers.get(which)).profile(self.usual)

    async def id_of(self, which: str) -> int:
        """Its id, 0 for that of the settings. Raises ``ProviderNotFound``."""
        return (await self.profile(which)).id

    async def name_of(self, which: str) -> str:
        """Its name. Raises ``ProviderNotFound``."""
        return (await self.profile(which)).name
