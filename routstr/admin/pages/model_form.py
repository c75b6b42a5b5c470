"""The form of a model: prices per million tokens, as people write them, to what is stored."""

import re
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from routstr.admin.pages.fields import Fields, plain
from routstr.catalog.models_file import ModelSpec
from routstr.catalog.overlay import Stocked
from routstr.catalog.overrides import Entry
from routstr.catalog.rates import PricePolicy
from routstr.catalog.rules import FIXED, TOKENS, rule_name
from routstr.errors import InvalidParameter

_MILLION: Final = 6
_NUMBER: Final = re.compile(r"\d{1,12}(?:\.\d{1,12})?", re.ASCII)
_USD: Final[Mapping[str, tuple[str, int]]] = {
    "input": ("prompt", _MILLION),
    "output": ("completion", _MILLION),
    "cache_read": ("input_cache_read", _MILLION),
    "cache_write": ("input_cache_write", _MILLION),
    "request": ("request", 0),
}
"""By field: the name of the price, and of how many units (a power of ten) it is written."""
_SATS: Final = ("fixed_request", "fixed_input", "fixed_output")
_FIXED: Final = ("request", "input_per_1k", "output_per_1k")
_TEXTS: Final = ("name", "aliases", "fee", "context", "most")
FIELDS: Final = ("mode", *_TEXTS, *_USD, *_SATS)


class Mode(StrEnum):
    """Whose price it is."""

    LIST = "list"
    USD = "usd"
    FIXED = "fixed"
    FREE = "free"


def form_of(stocked: Stocked, stored: Entry) -> dict[str, Any]:
    """What stands in the form of a model: what is stored, empty where that says nothing."""
    spec = stocked.spec
    return {
        "mode": _mode(stored).value,
        "enabled": spec.enabled,
        "name": stored.get("name", ""),
        "aliases": ", ".join(spec.alias_ids or ()),
        "fee": _plain(stored.get("provider_fee")),
        "context": _plain(stored.get("context_length")),
        "most": _plain((stored.get("top_provider") or {}).get("max_completion_tokens")),
        **_usd_prices(stored),
        **_fixed_prices(stored),
    }


def _usd_prices(stored: Entry) -> dict[str, str]:
    prices, pricing = dict[str, str](), stored.get("pricing") or {}
    for field, (name, power) in _USD.items():
        price = pricing.get(name)
        prices[field] = "" if price is None else _plain(Decimal(str(price)).scaleb(power))
    return prices


def _fixed_prices(stored: Entry) -> dict[str, str]:
    fixed = stored.get("fixed") or {}
    return {field: _plain(fixed.get(name)) for field, name in zip(_SATS, _FIXED, strict=True)}


def _refuse_unchosen(fields: Fields, stored: Entry, mode: Mode) -> None:
    """A price that was written where another kind is chosen would be paid by nobody."""
    others: dict[str, str] = {} if mode is Mode.USD else _usd_prices(stored)
    if mode is not Mode.FIXED:
        others |= _fixed_prices(stored)
    for field, before in others.items():
        written = fields.get(field, "").strip()
        if written and written != before:
            raise InvalidParameter(
                "You wrote a price of a kind that is not chosen: choose it, or leave that empty.",
                details={"param": "mode"},
            )


def patch_of(
    fields: Fields, base: ModelSpec | None, stored: Entry, policy: PricePolicy
) -> dict[str, Any]:
    """What a form says, as a change of what is stored. Raises :class:`InvalidParameter`."""
    enabled = "enabled" in fields
    aliases = _words(fields.get("aliases", ""))
    known = () if base is None else base.alias_ids or ()
    context, most = _whole(fields, "context"), _whole(fields, "most")
    top = dict(stored.get("top_provider") or {})
    top.pop("max_completion_tokens", None)
    if most is not None:
        top["max_completion_tokens"] = most
    if context is not None and base is not None and base.top_provider is not None:
        top["context_length"] = context
    return {
        "enabled": None if base is not None and enabled is base.enabled else enabled,
        "name": fields.get("name", "").strip() or None,
        "alias_ids": None if aliases == list(known) else aliases,
        "provider_fee": fee_of(fields) if fields.get("fee", "").strip() else None,
        "context_length": context,
        "top_provider": top or None,
        **_priced(fields, base, stored, policy),
    }


def fee_of(fields: Fields) -> Decimal:
    """A factor above 0. Raises :class:`InvalidParameter`."""
    fee = _number(fields, "fee")
    if not fee:
        raise InvalidParameter("A fee is a factor like 1.05.", details={"param": "fee"})
    return fee


def _priced(
    fields: Fields, base: ModelSpec | None, stored: Entry, policy: PricePolicy
) -> dict[str, Any]:
    """The price, by whose it is; what a form has no field for stays."""
    mode = next((one for one in Mode if one == fields.get("mode")), Mode.LIST)
    _refuse_unchosen(fields, stored, mode)
    ours = {name for name, _ in _USD.values()}
    kept = {
        name: price for name, price in (stored.get("pricing") or {}).items() if name not in ours
    }
    free = False if base is not None and base.free else None
    said: dict[str, Any] = {"fixed": None, "free": None, "pricing_rule": None}
    model = base or ModelSpec(id="")
    match mode:
        case Mode.FREE:
            said["free"] = True
        case Mode.FIXED:
            prices = {
                name: _number(fields, field) or Decimal(0)
                for field, name in zip(_SATS, _FIXED, strict=True)
            }
            said |= {"fixed": prices, "free": free}
            said["pricing_rule"] = FIXED if model.pricing_rule not in {None, FIXED} else None
        case Mode.USD:
            for field, (name, power) in _USD.items():
                if (price := _number(fields, field)) is not None:
                    kept[name] = price.scaleb(-power)
            if not kept:
                raise InvalidParameter("Write a price first.", details={"param": "input"})
            said["free"] = free
            said["pricing_rule"] = None if rule_name(model, policy) == TOKENS else TOKENS
    return {**said, "pricing": kept or None}


def _mode(stored: Entry) -> Mode:
    if stored.get("free"):
        return Mode.FREE
    if stored.get("fixed"):
        return Mode.FIXED
    return Mode.USD if stored.get("pricing") else Mode.LIST


def _words(text: str) -> list[str]:
    return list(dict.fromkeys(filter(None, map(str.strip, text.replace("\n", ",").split(",")))))


def _number(fields: Fields, name: str) -> Decimal | None:
    given = plain(fields, name)
    if not given:
        return None
    if not _NUMBER.fullmatch(given):
        raise InvalidParameter(
            "Prices and fees are plain numbers, like 2.5.", details={"param": name}
        )
    return Decimal(given)


def _whole(fields: Fields, name: str) -> int | None:
    given = fields.get(name, "").replace(" ", "")
    if not given:
        return None
    if not (given.isascii() and given.isdecimal() and len(given) <= 10):  # noqa: PLR2004
        raise InvalidParameter("Tokens are whole numbers.", details={"param": name})
    return int(given)


def _plain(value: object) -> str:
    """A stored number as a form's field shows it."""
    if value is None:
        return ""
    text = f"{Decimal(str(value)):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
