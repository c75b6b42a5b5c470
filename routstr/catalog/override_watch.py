"""Every instance sells by what is stored: at its start, and within seconds of any change."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from routstr.catalog.override_store import Entries, Overrides, Version

Changed = Callable[[Entries], Awaitable[None]]


class OverrideWatch:
    """Looks at the version, and tells ``changed`` what is stored when it is another one."""

    def __init__(self, overrides: Overrides, changed: Changed) -> None:
        self._overrides: Final = overrides
        self._changed: Final = changed
        self._seen: Version | None = None
        self._looking: Final = asyncio.Lock()

    async def look(self) -> None:
        """Take over what has changed. Raises ``DatabaseUnavailable``; then nothing changes."""
        async with self._looking:
            if await self._overrides.version() == self._seen:
                return
            version, entries = await self._overrides.every()
            await self._changed(entries)
            self._seen = version
