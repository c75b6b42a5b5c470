"""Keeps the fleet as the operator has stored it: at the start, and within seconds of any change.

Every instance looks at the versions of what is stored, so a change by one of them, or by a
command, reaches them all. The provider of the settings comes first; a stored one of the same name
is not asked.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from routstr.core.logging import get_logger
from routstr.upstream.client import UpstreamLimits
from routstr.upstream.fleet import Fleet
from routstr.upstream.provider import Profile
from routstr.upstream.repository import Versions
from routstr.upstream.service import Providers

_log: Final = get_logger(__name__)

Changed = Callable[[Sequence[Profile]], Awaitable[None]]
"""Told the providers that are asked from now on, in their order."""


class ProviderWatch:
    """Looks, and changes the fleet when there is something new."""

    def __init__(
        self,
        providers: Providers,
        fleet: Fleet,
        own: Sequence[Profile],
        usual: UpstreamLimits,
        changed: Changed,
    ) -> None:
        """``own``: of the settings. ``usual``: limits of a provider that has none of its own."""
        self._providers: Final = providers
        self._fleet: Final = fleet
        self._own: Final = tuple(own)
        self._usual: Final = usual
        self._changed: Final = changed
        self._seen: Versions | None = None
        self._looking: Final = asyncio.Lock()

    async def look(self) -> None:
        """Take over what has changed. Raises ``DatabaseUnavailable``; then nothing changes."""
        async with self._looking:
            versions = await self._providers.versions()
            if versions == self._seen:
                return
            names = {profile.name for profile in self._own}
            stored = [one for one in await self._providers.every() if one.enabled]
            added = [one.profile(self._usual) for one in stored if one.slug not in names]
            profiles = (*self._own, *added)
            self._fleet.set(profiles)
            await self._changed(profiles)
            self._seen = versions
            _log.info("providers", names=[profile.name for profile in profiles])
            for hidden in (one.slug for one in stored if one.slug in names):
                _log.warning("provider_hidden_by_settings", provider=hidden)
