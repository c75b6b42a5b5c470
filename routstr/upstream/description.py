"""What an operator may say of a provider, checked: every refusal names what is wrong."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

from routstr.core.addresses import check_mint_url, normalise_url
from routstr.core.secret import Secret
from routstr.errors import ProviderInvalid
from routstr.upstream.adapters import ADAPTERS, find_adapter
from routstr.upstream.adapters.base import Adapter
from routstr.upstream.client import UpstreamLimits

KEYS_MAX: Final = 50
KEY_CHARS_MAX: Final = 4_096
OPTIONS_BYTES_MAX: Final = 16 * 1024
PRIORITY_MAX: Final = 1_000
FEE_MAX: Final = 100
FEE_PLACES_MAX: Final = 9
SECONDS_MAX: Final = 86_400
_VERSION_MAX: Final = 100
_SLUG: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,62}[a-z0-9]")
_KEY: Final = re.compile(r"[!-~]+")
_LIMITS: Final = ("connect_seconds", "first_byte_seconds", "idle_seconds", "total_seconds")

Options = Mapping[str, object]


class Description(Struct, frozen=True, kw_only=True):
    """What is said of a provider; what is left unset stays as it is, or is as usual.

    ``fee`` None: the node's default. ``options``: ``api_version``, ``connect_seconds``,
    ``first_byte_seconds``, ``idle_seconds``, ``total_seconds``, and whatever an adapter knows.
    """

    slug: str | UnsetType = UNSET
    kind: str | UnsetType = UNSET
    base_url: str | UnsetType = UNSET
    keys: tuple[Secret, ...] | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    fee: Decimal | UnsetType | None = UNSET
    priority: int | UnsetType = UNSET
    options: Options | UnsetType = UNSET


def checked_adapter(kind: str, adapters: Mapping[str, Adapter] = ADAPTERS) -> Adapter:
    """The adapter of a type."""
    adapter = find_adapter(kind, adapters)
    if adapter is None:
        raise ProviderInvalid(
            f"There is no provider type {kind!r}; there are {', '.join(sorted(adapters))}.",
            details={"param": "provider_type"},
        )
    return adapter


def checked_slug(slug: str) -> str:
    """A name that can be told from an id."""
    if not _SLUG.fullmatch(slug) or slug.isdigit():
        raise ProviderInvalid(
            "A slug has 3 to 64 lower-case letters, digits and inner hyphens, not digits alone.",
            details={"param": "slug"},
        )
    return slug


def checked_url(url: str, adapter: Adapter, *, allow_insecure: bool) -> str:
    """One spelling of an address that the node may contact; empty: the adapter's own."""
    given = url.strip() or adapter.base_url
    if not given:
        raise _wrong("base_url", f"{adapter.title} needs a base address")
    try:
        normal = normalise_url(given)
        check_mint_url(normal, allow_insecure=allow_insecure)
    except ValueError as error:
        raise _wrong("base_url", f"The base address {error}") from None
    if adapter.fixed and normal != adapter.base_url:
        raise _wrong("base_url", f"{adapter.title} is always at {adapter.base_url}")
    return normal


def checked_keys(keys: Iterable[Secret]) -> tuple[Secret, ...]:
    """Keys as they can be sent, each once."""
    found = tuple(dict.fromkeys(Secret(key.reveal().strip()) for key in keys))
    found = tuple(filter(None, found))
    if len(found) > KEYS_MAX:
        raise _wrong("api_keys", f"A provider has at most {KEYS_MAX} keys")
    for key in found:
        if len(key.reveal()) > KEY_CHARS_MAX or not _KEY.fullmatch(key.reveal()):
            raise _wrong("api_keys", "A key is one word of visible ASCII characters")
    return found


def checked_fee(fee: Decimal | None) -> Decimal | None:
    """A factor on the provider's prices."""
    if fee is None:
        return None
    places = -int(fee.as_tuple().exponent) if fee.is_finite() else FEE_PLACES_MAX + 1
    if places > FEE_PLACES_MAX or not 0 < fee <= FEE_MAX:
        raise _wrong("provider_fee", f"A fee is a factor above 0 and up to {FEE_MAX}")
    return fee


def checked_priority(priority: int) -> int:
    """Which of equally cheap providers is asked first."""
    if not -PRIORITY_MAX <= priority <= PRIORITY_MAX:
        raise _wrong("priority", f"A priority is from -{PRIORITY_MAX} to {PRIORITY_MAX}")
    return priority


def checked_options(options: Options) -> bytes:
    """The options as JSON; what is known of them has to be right."""
    encoded = msgspec.json.encode(options)
    if len(encoded) > OPTIONS_BYTES_MAX:
        raise _wrong("provider_settings", "The settings of a provider are too large")
    for name in _LIMITS:
        value = options.get(name)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if value is not None and not (number and 0 < value <= SECONDS_MAX):  # type: ignore[operator]
            raise _wrong("provider_settings", f"{name} is a number of seconds up to {SECONDS_MAX}")
    version = options.get("api_version")
    if version is not None and not _is_short(version):
        raise _wrong("provider_settings", "api_version is a short text, like 2024-10-21")
    return encoded


def limits_of(options: Options, usual: UpstreamLimits) -> UpstreamLimits:
    """The limits of attempts at a provider: its own where it has any."""

    def seconds(name: str, otherwise_s: float) -> float:
        value = options.get(name)
        return float(value) if isinstance(value, int | float) else otherwise_s

    return replace(
        usual,
        connect_s=seconds("connect_seconds", usual.connect_s),
        first_byte_s=seconds("first_byte_seconds", usual.first_byte_s),
        idle_s=seconds("idle_seconds", usual.idle_s),
        total_s=seconds("total_seconds", usual.total_s),
    )


def texts_of(options: Options) -> Mapping[str, str]:
    """What adapters are told."""
    return {name: value for name, value in options.items() if isinstance(value, str)}


def _is_short(text: object) -> bool:
    return isinstance(text, str) and len(text) <= _VERSION_MAX and text.isprintable()


def _wrong(parameter: str, reason: str) -> ProviderInvalid:
    return ProviderInvalid(f"{reason}.", details={"param": parameter})
