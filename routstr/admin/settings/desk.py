"""Settings as an operator sees them: what holds, where it comes from, and how to change it."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import msgspec

from routstr.admin.settings.fields import (
    Kind,
    choices_of,
    is_masked,
    kind_of,
    label_of,
    number_of,
    text_of,
    typed,
    unit_of,
)
from routstr.core.options.effective import STORABLE, Origin, locked
from routstr.core.options.service import REDACTED, Options, Stored, unfitting
from routstr.core.setting_group import Group, meanings
from routstr.core.setting_groups import GROUPS
from routstr.core.settings import Settings

_BESIDE: Final = frozenset({"settings", "trouble"})


class Shown(msgspec.Struct, frozen=True):
    """One setting. ``text`` is its value as it is typed; lists have a line for each entry."""

    name: str
    about: str
    kind: Kind
    unit: str
    text: str
    default: str
    origin: Origin
    fixed: bool
    """It can be set in the environment only."""
    locked: bool
    """It cannot be changed here, for whatever reason."""
    choices: tuple[str, ...]
    changed_at: int | None
    """Since when a value is stored, in ms since 1970, whether it holds or not."""
    problem: str
    """Why what is stored does not hold."""

    @property
    def label(self) -> str:
        """The name as people write it."""
        return label_of(self.name)

    @property
    def masked(self) -> bool:
        """Whether a part of the text is hidden; sent back like this it changes nothing."""
        return is_masked(self.name, self.text)

    @property
    def variable(self) -> str:
        """Its name in the environment."""
        return self.name.upper()


class ShownGroup(msgspec.Struct, frozen=True):
    """Settings of one subject; ``name`` names its texts in the catalogue."""

    name: str
    settings: tuple[Shown, ...]


@dataclass(frozen=True, slots=True)
class SettingsDesk:
    """What an operator does with settings."""

    options: Options

    async def groups(self) -> list[ShownGroup]:
        """All settings."""
        stored, usual = await self.options.current(), _usual(self.options.given)
        return [self._group(group, stored, usual) for group in GROUPS]

    async def group(self, name: str) -> ShownGroup | None:
        """The settings of one group; None: there is no such group."""
        found = [one for one in await self.groups() if one.name == name]
        return found[0] if found else None

    async def flat(self) -> dict[str, Any]:
        """Every value by its name, as clients of the admin API expect, and ``settings``: the rest.

        Exact decimals are numbers here, and texts in ``settings``.
        """
        groups = await self.groups()
        settings = self.options.effective.settings
        told: dict[str, Any] = {name: number_of(settings, name) for name in Settings.model_fields}
        about = {
            one.name: _told(settings, one, group) for group in groups for one in group.settings
        }
        return {**told, "settings": about, "trouble": self.options.trouble}

    async def change(self, values: Mapping[str, object]) -> None:
        """Change some; None: the default again. Raises as :meth:`Options.change`."""
        settings = self.options.effective.settings
        wanted = {
            name: value
            for name, value in values.items()
            if not _is_beside(name, value)
            and not (is_masked(name, value) and value == text_of(settings, name))
        }
        half = [name for name, value in wanted.items() if is_masked(name, value)]
        if half:
            raise unfitting(dict.fromkeys(half, "must be given whole, without what hides a part"))
        await self.options.change(wanted)

    async def type_in(self, values: Mapping[str, str]) -> None:
        """Change some as they are typed in forms. Raises as :meth:`Options.change`."""
        await self.change({name: typed(name, text) for name, text in values.items()})

    def _group(
        self, group: type[Group], stored: Mapping[str, Stored], usual: Settings
    ) -> ShownGroup:
        about = meanings(group)
        shown = (
            self._shown(name, about[name], stored.get(name), usual) for name in group.model_fields
        )
        return ShownGroup(group.__name__.lower(), tuple(shown))

    def _shown(self, name: str, about: str, stored: Stored | None, usual: Settings) -> Shown:
        options, effective = self.options, self.options.effective
        return Shown(
            name=name,
            about=about,
            kind=kind_of(name),
            unit=unit_of(name),
            text=text_of(effective.settings, name),
            default=text_of(usual, name),
            origin=effective.origins[name],
            fixed=name not in STORABLE,
            locked=locked(options.given, name),
            choices=choices_of(name),
            changed_at=None if stored is None else stored.changed_at,
            problem=effective.ignored.get(name, ""),
        )


def _usual(given: Settings) -> Settings:
    """What would hold if nothing were stored or set but what cannot be stored."""
    own = {name: getattr(given, name) for name in given.model_fields_set - STORABLE}
    return Settings(**own)


def _is_beside(name: str, value: object) -> bool:
    """Whether it is a part of an answer that is no setting, sent back."""
    return name in _BESIDE or (name == "nsec" and value in {"", REDACTED, None})


def _told(settings: Settings, one: Shown, group: ShownGroup) -> dict[str, Any]:
    exact = getattr(settings, one.name)
    value = str(exact) if isinstance(exact, Decimal) else number_of(settings, one.name)
    return {
        "value": value,
        "source": one.origin.value,
        "locked": one.locked,
        "environment_only": one.fixed,
        "default": one.default,
        "group": group.name,
        "kind": one.kind,
        "unit": one.unit,
        "about": one.about,
        "stored_at": None if one.changed_at is None else one.changed_at // 1_000,
        "problem": one.problem or None,
    }
