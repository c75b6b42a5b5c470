"""What an operator does in the first run. Every step is saved at once and can be come back to."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final

from msgspec import Struct

from routstr.admin.desk import ProviderDesk
from routstr.admin.first_run import FirstRun
from routstr.admin.schemas import ProviderAnswer, ProviderCreate, ProviderType
from routstr.admin.setup.first_payment import FirstPayment
from routstr.admin.setup.mint_check import MintCheck, MintReport
from routstr.admin.setup.provider_check import ProviderCheck, ProviderReport
from routstr.admin.setup.steps import Progress, Step, first_open
from routstr.core.options.effective import locked
from routstr.core.options.service import Options
from routstr.core.secret import Secret
from routstr.core.settings import Settings
from routstr.errors import SettingsInvalid

_ALL_SOURCES: Final = ("file", "upstream", "openrouter")
_HUNDRED: Final = Decimal(100)
_PERCENT_PLACES: Final = Decimal("0.0001")


class Example(Struct, frozen=True):
    """What a client pays for what costs the operator 100 sat; in sat."""

    pays: Decimal
    yours: Decimal
    exchange: Decimal


@dataclass(frozen=True, slots=True)
class SetupDesk:
    """Changes go to their owners; what they raise is raised here."""

    first_run: FirstRun
    progress: Progress
    options: Options
    mints: MintCheck
    providers: ProviderDesk
    provider_check: ProviderCheck
    payment: FirstPayment

    @property
    def settings(self) -> Settings:
        """What holds."""
        return self.options.effective.settings

    def locked(self, name: str) -> bool:
        """Whether the environment sets this."""
        return locked(self.options.given, name)

    async def step(self) -> Step | None:
        """Where to go on; None: all is done."""
        return first_open(await self.progress.passed())

    async def pass_by(self, *steps: Step) -> None:
        """These are done, or left out."""
        await self.progress.pass_by(*steps)

    async def save(self, step: Step, values: Mapping[str, object]) -> None:
        """Store settings of a step, which is done then. Raises ``SettingsInvalid``."""
        wanted = {name: value for name, value in values.items() if not self.locked(name)}
        await self.options.change(wanted)
        await self.pass_by(step)

    async def look_at_mint(self, url: str) -> MintReport:
        """Ask a mint. Raises ``MintUnfit``."""
        return await self.mints.look(url)

    async def use_mint(self, url: str) -> None:
        """Take a mint's ecash from now on. Raises ``SettingsInvalid``."""
        urls = self.settings.cashu_mints
        if url not in urls:
            await self.options.change({"cashu_mints": [*urls, url]})

    async def leave_mint(self, url: str) -> None:
        """Take it no more; what is held there stays the node's. Raises ``SettingsInvalid``."""
        left = [one for one in self.settings.cashu_mints if one != url]
        await self.options.change({"cashu_mints": left or None, "primary_mint_url": None})

    def provider_types(self) -> list[ProviderType]:
        """What can be added, by name."""
        return self.providers.types()

    async def known_providers(self) -> list[ProviderAnswer]:
        """Those that are asked already."""
        return await self.providers.every()

    async def look_at_provider(self, kind: str, base_url: str, key: Secret) -> ProviderReport:
        """Ask a provider. Raises ``ProviderUnfit``."""
        return await self.provider_check.look(kind, base_url, key)

    async def use_provider(self, kind: str, base_url: str, key: Secret) -> None:
        """Store a provider, and sell what it lists. Raises as ``ProviderDesk.add``."""
        wanted = ProviderCreate(provider_type=kind, base_url=base_url or None, api_key=key)
        await self.providers.add(wanted)
        await self.pass_by(Step.PROVIDER)
        settings = self.settings
        alone = settings.model_sources == ("file",) and not settings.models_path.exists()
        if alone and not self.locked("model_sources"):
            await self.options.change({"model_sources": list(_ALL_SOURCES)})

    @property
    def margin(self) -> Decimal:
        """The operator's part of every price, in percent of the provider's."""
        return ((self.settings.upstream_provider_fee - 1) * _HUNDRED).normalize()

    async def set_margin(self, percent: str) -> None:
        """Change it. Raises ``SettingsInvalid``."""
        try:
            value = Decimal(percent.strip().replace(",", ".").removesuffix("%").strip())
            factor = 1 + value.quantize(_PERCENT_PLACES) / _HUNDRED
        except InvalidOperation:
            raise SettingsInvalid("The margin is a number of percent, for example 5.") from None
        await self.save(Step.MARGIN, {"upstream_provider_fee": format(factor.normalize(), "f")})

    def example(self) -> Example:
        """What the margin means."""
        settings = self.settings
        with_margin = _HUNDRED * settings.upstream_provider_fee
        pays = with_margin * settings.exchange_fee
        return Example(pays=pays, yours=with_margin - _HUNDRED, exchange=pays - with_margin)
