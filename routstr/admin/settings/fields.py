"""What each setting is like: how it is typed, in which unit, and its value as a text."""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, get_args, get_origin
from urllib.parse import urlsplit

import msgspec

from routstr.core.options.service import REDACTED
from routstr.core.options.values import jsonable
from routstr.core.secret import Secret
from routstr.core.settings import Settings

_UNITS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "seconds": "s",
        "msat": "msat",
        "msats": "msat",
        "sat": "sat",
        "bytes": "bytes",
        "percent": "percent",
        "percentage": "percent",
        "usd": "USD",
        "days": "days",
        "hours": "hours",
        "fee": "factor",
    }
)
_SINGLE_UNITS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "child_key_cost": "msat",
        "fixed_cost_per_request": "sat",
        "fixed_per_1k_input_tokens": "sat",
        "fixed_per_1k_output_tokens": "sat",
        "min_output_tokens": "tokens",
        "key_tokens_per_minute": "tokens",
        "address_tokens_per_minute": "tokens",
        "mint_exposure_sat_max_of": "",
    }
)

_TELLTALE: Final = frozenset({"alert_webhook_url", "alert_ntfy_url"})
"""Addresses that let whoever knows them write there: of them only the host is told."""
_SHOWN_AS_UNITS: Final = frozenset({"seconds", "bytes", "percent"})
_WRITTEN: Final[Mapping[str, str]] = MappingProxyType(
    {
        "btc": "BTC",
        "cors": "CORS",
        "http": "HTTP",
        "ln": "Lightning",
        "npub": "npub",
        "nsec": "nsec",
        "ntfy": "ntfy",
        "otel": "OpenTelemetry",
        "otlp": "OTLP",
        "url": "URL",
        "usd": "USD",
    }
)


class Kind(StrEnum):
    """How a setting is typed."""

    SWITCH = "switch"
    CHOICE = "choice"
    NUMBER = "number"
    LIST = "list"
    TEXT = "text"
    SECRET = "secret"  # noqa: S105 - no password


def kind_of(name: str) -> Kind:
    """How it is typed."""
    annotation: Any = Settings.model_fields[name].annotation
    if annotation is bool:
        return Kind.SWITCH
    if annotation is Secret:
        return Kind.SECRET
    if get_origin(annotation) is Literal:
        return Kind.CHOICE
    if get_origin(annotation) is tuple:
        return Kind.LIST
    return Kind.NUMBER if any(_is_number(one) for one in _parts(annotation)) else Kind.TEXT


def label_of(name: str) -> str:
    """Its name as people write it, without the unit that is shown beside it."""
    words = [word for word in name.split("_") if word not in _SHOWN_AS_UNITS]
    label = " ".join(_WRITTEN.get(word, word) for word in words)
    return label[0].upper() + label[1:]


def _parts(annotation: Any) -> tuple[Any, ...]:  # noqa: ANN401 - whatever types are made of
    """A type, or those of a union, without what is annotated."""
    plain = get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
    return (plain, *(part for one in get_args(plain) for part in _parts(one)))


def _is_number(one: object) -> bool:
    return isinstance(one, type) and issubclass(one, int | float | Decimal)


def unit_of(name: str) -> str:
    """Its unit: ``s``, ``sat``, ``msat``, ``percent``, ... or nothing."""
    if name in _SINGLE_UNITS:
        return _SINGLE_UNITS[name]
    if kind_of(name) is not Kind.NUMBER:
        return ""
    return next((_UNITS[word] for word in reversed(name.split("_")) if word in _UNITS), "")


def choices_of(name: str) -> tuple[str, ...]:
    """What there is to choose from."""
    if kind_of(name) is not Kind.CHOICE:
        return ()
    return get_args(Settings.model_fields[name].annotation)


def text_of(settings: Settings, name: str) -> str:
    """A value as it is typed; a secret is not told, of an address that is one only the host."""
    value = getattr(settings, name)
    if name in _TELLTALE:
        return _host_of(value)
    if isinstance(value, Secret):
        return REDACTED if value else ""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "\n".join(value)
    text = str(value)
    return text.removesuffix(".0") if isinstance(value, float) else text


def is_masked(name: str, value: object) -> bool:
    """Whether a value is an address with a mask in it, as it was shown, and so no address."""
    return name in _TELLTALE and isinstance(value, str) and REDACTED in value


def _host_of(address: str) -> str:
    """An address with all behind its host masked."""
    if not address:
        return ""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}/{REDACTED}"


def typed(name: str, text: str) -> object:
    """What a typed text means. A number that was emptied is the default again."""
    kind = kind_of(name)
    if kind is Kind.LIST:
        return [one.strip() for line in text.splitlines() for one in line.split(",") if one.strip()]
    if kind is Kind.NUMBER and not text.strip():
        return None
    return text.strip() if kind is Kind.NUMBER else text.replace("\r\n", "\n")


def number_of(settings: Settings, name: str) -> object:
    """A value as JSON has it; decimals are numbers, which clients expect, and may lose digits."""
    value = getattr(settings, name)
    if isinstance(value, Secret):
        return REDACTED if value else ""
    if name in _TELLTALE:
        return _host_of(value)
    if isinstance(value, Decimal):
        return float(value)
    return msgspec.json.decode(jsonable(settings, name))
