"""What an operator does with providers, told in the words of the admin API."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from routstr.admin.access_desk import AccessDesk
from routstr.admin.schemas import (
    ProviderAnswer,
    ProviderChange,
    ProviderCreate,
    ProviderType,
    Removed,
)
from routstr.admin.sessions import Sessions
from routstr.errors import ProviderInvalid
from routstr.upstream.provider import Profile
from routstr.upstream.service import Providers


@dataclass(frozen=True, slots=True)
class ProviderDesk:
    """``own`` are the providers of the settings; ``look`` makes this instance use a change."""

    providers: Providers
    own: Sequence[Profile]
    default_fee: Decimal
    look: Callable[[], Awaitable[None]]

    def types(self) -> list[ProviderType]:
        """Every type, by name."""
        adapters = self.providers.adapters
        return [ProviderType.of(adapters[name]) for name in sorted(adapters)]

    async def every(self) -> list[ProviderAnswer]:
        """All providers, those of the settings first."""
        own = [ProviderAnswer.of_settings(one, self.default_fee) for one in self.own]
        stored = await self.providers.every()
        return [*own, *(ProviderAnswer.of(one, self.default_fee) for one in stored)]

    async def one(self, which: str) -> ProviderAnswer:
        """The provider with this id or slug. Raises ``ProviderNotFound``."""
        for profile in self.own:
            if which in {profile.name, str(profile.id)}:
                return ProviderAnswer.of_settings(profile, self.default_fee)
        return ProviderAnswer.of(await self.providers.get(which), self.default_fee)

    async def add(self, wanted: ProviderCreate) -> ProviderAnswer:
        """Add a provider. Raises as :meth:`Providers.add`."""
        added = await self.providers.add(wanted.description())
        await self.look()
        return ProviderAnswer.of(added, self.default_fee)

    async def change(self, which: str, wanted: ProviderChange) -> ProviderAnswer:
        """Change a provider. Raises as :meth:`Providers.edit`."""
        self._refuse_own(which)
        before = await self.providers.get(which)
        changed = await self.providers.edit(str(before.id), wanted.description(before))
        await self.look()
        return ProviderAnswer.of(changed, self.default_fee)

    async def remove(self, which: str) -> Removed:
        """Remove a provider. Raises ``ProviderNotFound``."""
        self._refuse_own(which)
        removed = await self.providers.remove(which)
        await self.look()
        return Removed(deleted_id=removed.id)

    def _refuse_own(self, which: str) -> None:
        if any(which in {profile.name, str(profile.id)} for profile in self.own):
            raise ProviderInvalid(
                "This provider is that of UPSTREAM_BASE_URL: change it there.",
                details={"param": "provider"},
            )


@dataclass(frozen=True, slots=True)
class AdminParts:
    """What the routes of the admin API need."""

    sessions: Sessions
    providers: ProviderDesk
    access: AccessDesk
