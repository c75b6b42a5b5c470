"""Every text of the pages, by language and name; a text that a language lacks is the English one.

The catalogue is ``texts/<language>/<area>.toml``: a text is named ``area.name``. Placeholders are
``{name}``. A new language is a new folder (and a line in :data:`LANGUAGES`).
"""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from markupsafe import Markup, escape

from routstr.money import Msat

LANGUAGES: Final[Mapping[str, str]] = MappingProxyType(
    {"en": "English", "de": "Deutsch", "es": "Español"}
)
"""What each language calls itself. The first is what is shown to whoever asks for none of them."""
_DEFAULT: Final = "en"
_GROUPS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {"en": (",", "."), "de": (".", ","), "es": (".", ",")}
)
_MSAT_PER_SAT: Final = 1_000
_ASKED: Final = re.compile(
    r"\s*([a-zA-Z]{1,8})(?:-[a-zA-Z0-9-]*)?\s*(?:;\s*q=([01](?:\.\d*)?))?\s*"
)


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """All texts of one language by name."""
    import tomllib  # noqa: PLC0415 - not before the first page

    found: dict[str, str] = {}
    for file in sorted((files(__package__) / "texts" / language).iterdir(), key=lambda f: f.name):
        area = file.name.removesuffix(".toml")
        texts = tomllib.loads(file.read_text(encoding="utf-8"))
        found |= {f"{area}.{name}": text for name, text in texts.items()}
    return MappingProxyType(found)


def choose_language(wanted: Iterable[str | None], accepted: str | None) -> str:
    """The first of ``wanted`` that there is, else the best of an Accept-Language header."""
    for one in wanted:
        if one is not None and one in LANGUAGES:
            return one
    best, weight = _DEFAULT, Decimal(0)
    for part in (accepted or "")[:200].split(","):
        asked = _ASKED.fullmatch(part)
        if asked is None or asked[1].lower() not in LANGUAGES:
            continue
        if (given := Decimal(asked[2] or 1)) > weight:
            best, weight = asked[1].lower(), given
    return best


class Words:
    """The texts and figures of one language. Call it with a text's name and its placeholders."""

    __slots__ = ("_decimal", "_group", "_texts", "language")

    def __init__(self, language: str) -> None:
        self.language: Final = language
        self._texts: Final = {**catalogue(_DEFAULT), **catalogue(language)}
        self._group, self._decimal = _GROUPS[language]

    def __call__(self, name: str, /, **values: object) -> Markup:
        """Return a text with what is filled in escaped; raises :class:`KeyError`."""
        text = self._texts[name]
        if not values:
            return Markup(text)  # noqa: S704 - the catalogue is ours
        return Markup(text.format_map({k: escape(v) for k, v in values.items()}))  # noqa: S704

    def knows(self, name: str) -> bool:
        """Whether there is such a text."""
        return name in self._texts

    def number(self, value: int | Decimal, places: int = 0) -> str:
        """Write a number with groups of three digits and this many decimals."""
        plain = f"{value:,.{places}f}" if places else f"{int(value):,}"
        return plain.translate({ord(","): self._group, ord("."): self._decimal})

    def sat(self, msat: Msat | int) -> str:
        """Write msat in sat: whole where it is whole, else with three decimals; no unit."""
        whole = int(msat) % _MSAT_PER_SAT == 0
        return self.number(Decimal(int(msat)) / _MSAT_PER_SAT, 0 if whole else 3)

    def usd(self, value: Decimal) -> str:
        """Write an amount in USD, small ones with six decimals."""
        return f"${self.number(value, 2 if abs(value) >= 1 or not value else 6)}"


@cache
def words(language: str) -> Words:
    """The texts of a language of :data:`LANGUAGES`."""
    return Words(language)
