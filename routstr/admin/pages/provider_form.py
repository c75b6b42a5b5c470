"""The form of a provider: what people write, to what is stored."""

import re
from decimal import Decimal
from typing import Any, Final

from routstr.admin.pages.fields import plain
from routstr.admin.selling.providers import Shown
from routstr.errors import InvalidParameter
from routstr.upstream.service import StoredProvider

SECONDS: Final = ("connect_seconds", "first_byte_seconds", "idle_seconds", "total_seconds")
FIELDS: Final = ("slug", "provider_type", "base_url", "fee", "priority", "api_version", *SECONDS)
_TIME: Final = re.compile(r"\d{1,6}(?:\.\d{1,3})?", re.ASCII)


def said(fields: dict[str, str], before: StoredProvider | None = None) -> dict[str, Any]:
    """What a form says of a provider. Raises :class:`InvalidParameter`."""
    options: dict[str, object] = {} if before is None else dict(before.options)
    for name in SECONDS:
        options.pop(name, None)
        if given := fields.get(name, ""):
            options[name] = _seconds(name, given)
    options.pop("api_version", None)
    if version := fields.get("api_version"):
        options["api_version"] = version
    change: dict[str, Any] = {
        "base_url": fields.get("base_url", ""),
        "provider_fee": _fee(plain(fields, "fee")),
        "priority": _priority(fields.get("priority", "")),
        "provider_settings": options,
    }
    if slug := fields.get("slug"):
        change["slug"] = slug
    if kind := fields.get("provider_type"):
        change["provider_type"] = kind
    return change


def _fee(given: str) -> Decimal | None:
    if not given:
        return None
    if not given.isascii() or not given.replace(".", "", 1).isdecimal():
        raise InvalidParameter("A fee is a factor like 1.05.", details={"param": "fee"})
    return Decimal(given)


def _priority(text: str) -> int:
    digits = text.removeprefix("-")
    if not text:
        return 0
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 4):  # noqa: PLR2004
        raise InvalidParameter("A priority is a whole number.", details={"param": "priority"})
    return int(text)


def _seconds(name: str, text: str) -> int | float:
    if not _TIME.fullmatch(text):
        raise InvalidParameter("Times are seconds, like 30.", details={"param": name})
    return float(text) if "." in text else int(text)


def values_of(shown: Shown, stored: StoredProvider | None) -> dict[str, str]:
    """What stands in the form of a provider."""
    told, options = shown.provider, shown.provider.provider_settings
    fee = None if stored is None else stored.fee
    return {
        "slug": told.slug,
        "provider_type": told.provider_type,
        "base_url": told.base_url,
        "fee": "" if fee is None else f"{fee:f}",
        "priority": str(told.priority),
        "api_version": told.api_version or "",
        **{name: str(options.get(name) or "") for name in SECONDS},
    }
