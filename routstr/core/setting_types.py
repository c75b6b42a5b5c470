"""How the text of an environment variable becomes a value; a refusal says what is wanted."""

import re
from decimal import Decimal
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Final, TypeAlias
from urllib.parse import parse_qsl, urlencode, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, GetPydanticSchema, TypeAdapter
from pydantic_core import core_schema
from pydantic_settings import NoDecode

from routstr.core.addresses import (
    normalise_mint_url,
    normalise_url,
    relay_url,
    split_http_url,
)
from routstr.core.secret import Secret
from routstr.money import MAX_MSAT, Msat

_SQLITE: Final = re.compile(r"sqlite(?:\+(?:aiosqlite|pysqlite))?:///([^?#]+)")
_POSTGRES: Final = re.compile(r"postgres(?:ql)?(?:\+(?:asyncpg|psycopg|psycopg2))?://(.+)")
_REDIS: Final = re.compile(r"rediss?://[!-.0-~][!-~]*|unix://[!-~]*/[!-~]+")
_HEADER_NAME: Final = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+")
_NEVER_FORWARDED: Final = re.compile(
    "accept-encoding|authorization|connection|content-length|cookie|expect|forwarded|host|"
    "keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|via|x-api-key|x-cashu|"
    "x-forwarded-.*|x-real-ip"
)
_LIGHTNING: Final = re.compile(
    r"[a-z0-9_.+-]+@[a-z0-9.:-]+|lnurl1[02-9ac-hj-np-z]+|lnurlp://[!-~]+"
)
_NOSTR_KEY: Final = re.compile(r"nsec1[02-9ac-hj-np-z]{58}|[0-9a-fA-F]{64}")
_PACKAGE_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
PASSWORD_CHARS_MIN: Final = 8
_TEXTS: Final = TypeAdapter(tuple[str, ...])


def _split(value: object) -> object:
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        return _TEXTS.validate_json(value)
    return tuple(item for item in map(str.strip, value.split(",")) if item)


def _relay_urls(values: tuple[str, ...]) -> tuple[str, ...]:
    """Whether those of this machine may be asked is decided with all settings."""
    return tuple(dict.fromkeys(relay_url(value, allow_insecure=True) for value in values))


def _nostr_key(value: Secret) -> Secret:
    text = value.reveal().strip()
    if text and not _NOSTR_KEY.fullmatch(text):
        raise ValueError("must be a secret key of Nostr: nsec1... or 64 hexadecimal digits")
    return Secret(text)


def _exact(value: object) -> object:
    if isinstance(value, float):
        raise ValueError("must be exact: a text or a Decimal, not a float")  # noqa: TRY004
    return value


def _url_or_empty(value: str) -> str:
    return normalise_url(value.strip()) if value.strip() else ""


def _mint_url_or_empty(value: str) -> str:
    return normalise_mint_url(value) if value.strip() else ""


def _mint_urls(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(normalise_mint_url, values)))


def _onion_url(value: str) -> str:
    url = _url_or_empty(value if "://" in value or not value.strip() else f"http://{value}")
    if url and not (urlsplit(url).hostname or "").endswith(".onion"):
        raise ValueError("must be the address of an onion service (http://....onion)")
    return url


def _socks_url(value: str) -> str:
    text = value.strip().lower().rstrip("/")
    scheme, _, rest = text.partition("://")
    try:  # the same rules as for other addresses; only the scheme differs
        parts = split_http_url(f"http://{rest}") if text else None
    except ValueError:
        scheme, parts = "", None
    if text and (parts is None or parts.path or parts.query or not re.match("socks5h?$", scheme)):
        raise ValueError("must be the SOCKS port of Tor (socks5://127.0.0.1:9050)")
    if parts is None:
        return ""
    return f"socks5://{parts.netloc}{'' if parts.port else ':9050'}"


def _origins(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if value != "*" and split_http_url(value).path:
            raise ValueError("must be origins (https://app.example.com, without a path) or *")
    return tuple(value if value == "*" else normalise_url(value) for value in values)


def _networks(values: tuple[str, ...]) -> tuple[str, ...]:
    try:
        found = [ip_network(one, strict=False) if "/" in one else ip_address(one) for one in values]
    except ValueError:
        raise ValueError("must be addresses or networks (10.0.0.7, 10.0.0.0/8)") from None
    return tuple(dict.fromkeys(map(str, found)))


def _header_names(values: tuple[str, ...]) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(value.lower() for value in values))
    for name in names:
        if not _HEADER_NAME.fullmatch(name):
            raise ValueError("must be names of headers")
        if _NEVER_FORWARDED.fullmatch(name):
            raise ValueError(f"must not name {name}: it belongs to one connection or to the client")
    return names


def _lightning_address(value: str) -> str:
    text = value.strip()
    if text and not _LIGHTNING.fullmatch(text.lower()):
        raise ValueError("must be a Lightning address (name@host), an LNURL or lnurlp://")
    return text


def _mint_amounts(values: tuple[str, ...]) -> tuple[str, ...]:
    """``https://mint.example=50000``, as normal URLs and amounts; see :func:`mint_amounts`."""
    found: dict[str, int] = {}
    for value in values:
        url, separator, amount = value.rpartition("=")
        if not separator or not amount.strip().isdecimal():
            raise ValueError("must be mints with amounts (https://mint.example.com=50000)")
        found[normalise_mint_url(url)] = int(amount)
    return tuple(f"{url}={amount}" for url, amount in found.items())


def mint_amounts(values: tuple[str, ...]) -> dict[str, int]:
    """The amounts by mint of a checked setting."""
    return {url: int(amount) for url, _, amount in (value.rpartition("=") for value in values)}


def _rule_choices(values: tuple[str, ...]) -> tuple[str, ...]:
    """``openai=token``, each provider once; see :func:`rule_choices`."""
    found: dict[str, str] = {}
    for value in values:
        provider, separator, rule = (part.strip() for part in value.partition("="))
        if not (separator and provider and rule):
            raise ValueError("must be providers with pricing rules (openai=token)")
        found[provider] = rule
    return tuple(f"{provider}={rule}" for provider, rule in found.items())


def rule_choices(values: tuple[str, ...]) -> dict[str, str]:
    """The pricing rules by provider of a checked setting."""
    return {provider: rule for provider, _, rule in (value.partition("=") for value in values)}


def _model_sources(values: tuple[str, ...]) -> tuple[str, ...]:
    known = ("file", "upstream", "openrouter")
    if not values or not set(values) <= set(known) or values == ("openrouter",):
        raise ValueError("must be of file, upstream and openrouter (which prices what others list)")
    return tuple(name for name in known if name in values)


def _package_names(values: tuple[str, ...]) -> tuple[str, ...]:
    """Each package once, however its name is written (its canonical form is PEP 503's)."""
    if not all(map(_PACKAGE_NAME.fullmatch, values)):
        raise ValueError("must be names of installed packages (routstr-example)")
    return tuple(dict.fromkeys(re.sub(r"[-_.]+", "-", value).lower() for value in values))


def _cache_signs(values: tuple[str, ...]) -> tuple[str, ...]:
    known = ("temperature", "seed")
    if not set(values) <= set(known):
        raise ValueError("must be of temperature (0) and seed (any)")
    return tuple(name for name in known if name in values)


def _password(value: Secret) -> Secret:
    if value and len(value.reveal()) < PASSWORD_CHARS_MIN:
        raise ValueError(f"must have at least {PASSWORD_CHARS_MIN} characters")
    return value


def _secret_key(value: Secret) -> Secret:
    if value and not re.fullmatch(r"[0-9a-fA-F]{64}", value.reveal().strip()):
        raise ValueError("must be 64 hexadecimal digits (openssl rand -hex 32)")
    return Secret(value.reveal().strip())


def normalise_database_url(value: Secret) -> Secret:
    """``sqlite:///file`` or ``postgresql+psycopg://...`` out of the forms in use elsewhere."""
    url = value.reveal().strip()
    if match := _SQLITE.fullmatch(url):
        if ":memory:" in match[1]:
            raise ValueError("must name a file: a node must not forget its books")
        return Secret(f"sqlite:///{match[1]}")
    if match := _POSTGRES.fullmatch(url):
        address, _, query = match[1].partition("?")
        options = [("sslmode" if k == "ssl" else k, v) for k, v in parse_qsl(query)]  # asyncpg's
        return Secret(f"postgresql+psycopg://{address}{'?' if options else ''}{urlencode(options)}")
    raise ValueError("must be sqlite:///<file> or postgresql://<user>:<password>@<host>/<name>")


def _replica_url(value: Secret) -> Secret:
    if not value.reveal().strip():
        return Secret()
    url = normalise_database_url(value)
    if sqlite_file(url) is not None:
        raise ValueError("must be postgresql://<user>:<password>@<host>/<name>")
    return url


def sqlite_file(database_url: Secret) -> Path | None:
    """The file of a normalised SQLite URL; None for another database."""
    match = _SQLITE.fullmatch(database_url.reveal())
    return Path(match[1]) if match else None


def _redis_url(value: Secret) -> Secret:
    url = re.sub(r"^valkey(s?)://", r"redis\1://", value.reveal().strip())
    try:
        known = not url or (_REDIS.fullmatch(url) and urlsplit(url).port != 0)
    except ValueError:  # its words may hold a part of the password
        known = False
    if not known:
        raise ValueError("must be redis://, rediss:// or unix:// with a server or a socket")
    return Secret(url)


_EXACT: Final = BeforeValidator(_exact)
_TEXT_LIST: Final = BeforeValidator(_split)

Port: TypeAlias = Annotated[int, Field(ge=0, le=65_535)]
Count: TypeAlias = Annotated[int, Field(ge=1, le=1_000_000_000)]
CountOrOff: TypeAlias = Annotated[int, Field(ge=0, le=1_000_000_000)]
ProofCount: TypeAlias = Annotated[int, Field(ge=4, le=1_000)]
ReaderCount: TypeAlias = Annotated[int, Field(ge=1, le=64)]
Hours: TypeAlias = Annotated[int, Field(ge=1, le=8_760)]
ByteCount: TypeAlias = Annotated[int, Field(ge=1_024, le=4 * 1024**3)]
Seconds: TypeAlias = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
SecondsOrOff: TypeAlias = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]
Factor: TypeAlias = Annotated[Decimal, _EXACT, Field(gt=0, le=100, decimal_places=9)]
Share: TypeAlias = Annotated[int, Field(ge=0, le=100)]
Percent: TypeAlias = Annotated[Decimal, _EXACT, Field(ge=0, lt=100, decimal_places=9)]
SatPrice: TypeAlias = Annotated[Decimal, _EXACT, Field(ge=0, le=100_000_000, decimal_places=9)]
UsdPerBtc: TypeAlias = Annotated[Decimal, _EXACT, Field(gt=0, le=10**12, decimal_places=9)]
MsatAmount: TypeAlias = Annotated[
    Msat,
    GetPydanticSchema(
        lambda _type, _handler: core_schema.no_info_after_validator_function(
            Msat, core_schema.int_schema(ge=0, le=MAX_MSAT)
        )
    ),
]
Url: TypeAlias = Annotated[str, AfterValidator(_url_or_empty)]
OnionUrl: TypeAlias = Annotated[str, AfterValidator(_onion_url)]
SocksUrl: TypeAlias = Annotated[str, AfterValidator(_socks_url)]
MintUrl: TypeAlias = Annotated[str, AfterValidator(_mint_url_or_empty)]
RelayUrls: TypeAlias = Annotated[tuple[str, ...], NoDecode, _TEXT_LIST, AfterValidator(_relay_urls)]
MintUrls: TypeAlias = Annotated[tuple[str, ...], NoDecode, _TEXT_LIST, AfterValidator(_mint_urls)]
MintAmounts: TypeAlias = Annotated[
    tuple[str, ...], NoDecode, _TEXT_LIST, AfterValidator(_mint_amounts)
]
Networks: TypeAlias = Annotated[tuple[str, ...], NoDecode, _TEXT_LIST, AfterValidator(_networks)]
Origins: TypeAlias = Annotated[tuple[str, ...], NoDecode, _TEXT_LIST, AfterValidator(_origins)]
RuleChoices: TypeAlias = Annotated[
    tuple[str, ...], NoDecode, _TEXT_LIST, AfterValidator(_rule_choices)
]
ModelSources: TypeAlias = Annotated[
    tuple[str, ...], NoDecode, _TEXT_LIST, AfterValidator(_model_sources)
]
PackageNames: TypeAlias = Annotated[
    tuple[str, ...], NoDecode, _TEXT_LIST, AfterValidator(_package_names)
]
CacheSigns: TypeAlias = Annotated[
    tuple[str, ...], NoDecode, _TEXT_LIST, AfterValidator(_cache_signs)
]
HeaderNames: TypeAlias = Annotated[
    tuple[str, ...], NoDecode, _TEXT_LIST, AfterValidator(_header_names)
]
LightningAddress: TypeAlias = Annotated[
    str, Field(max_length=512), AfterValidator(_lightning_address)
]
Slug: TypeAlias = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Npub: TypeAlias = Annotated[str, Field(pattern=r"^(npub1[02-9ac-hj-np-z]{58})?$")]
DatabaseUrl: TypeAlias = Annotated[Secret, AfterValidator(normalise_database_url)]
ReplicaUrl: TypeAlias = Annotated[Secret, AfterValidator(_replica_url)]
Password: TypeAlias = Annotated[Secret, AfterValidator(_password)]
NostrKey: TypeAlias = Annotated[Secret, AfterValidator(_nostr_key)]
ProviderId: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{0,64}$")]
SecretKeyHex: TypeAlias = Annotated[Secret, AfterValidator(_secret_key)]
RedisUrl: TypeAlias = Annotated[Secret, AfterValidator(_redis_url)]
