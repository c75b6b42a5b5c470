"""The operator's own endpoints: what is sold by the request or by its size. The file and its rules.

::

    [{"method": "POST", "path": "/v1/tools/{name}", "price": {"msat": 2000}},
     {"method": ["GET", "HEAD"], "path": "/v1/search/*", "price": {"usd": "0.005"},
      "per_kb_out": {"sat": "0.1"}, "max_kb_out": 500, "upstream_path": "search"}]

``path`` has plain segments, ``{names}`` for one segment each, and perhaps ``*`` at its end for one
or more. ``price`` is for a request, ``per_kb_in`` and ``per_kb_out`` for every begun 1,000 bytes of
its body and of the answer; a price of 0 must be written as one. ``upstream_path`` is the provider's
path below its base address, with the same names (without it: the same path); ``provider`` its name
(without it: that of the settings). ``binds``: fields of the answer that are ids which from then on
belong to the key that paid; ``owned``: names of the path, or fields of the body, that must be such
ids; ``lists``: the answer is the list of what belongs to the key, and no provider is asked.
"""

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import msgspec

from routstr.catalog.snapshot import PER_MSAT
from routstr.catalog.units import rounded_up
from routstr.errors import PriceUnavailable
from routstr.money import MSAT_PER_BTC, MSAT_PER_SAT

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
KB: Final = 1_000
PRICE_MAX: Final = 10**9
NAME_CHARS_MAX: Final = 64
"""As much of a path as a hold has room for."""

OWN_PATHS: Final = frozenset(
    {
        "admin",
        "audio",
        "balance",
        "chat",
        "completions",
        "docs",
        "embeddings",
        "estimate",
        "images",
        "info",
        "invoices",
        "lightning",
        "messages",
        "models",
        "moderations",
        "payments",
        "providers",
        "rerank",
        "responses",
        "wallet",
    }
)
"""First segments of what the node serves itself: nobody can put something else there."""

_SEGMENT: Final = re.compile(r"[A-Za-z0-9._~-]+")
_NAMED: Final = re.compile(r"\{([a-z_]+)\}")
REST: Final = "*"


class CustomFileError(ValueError):
    """The file of custom endpoints cannot be used; the message says why."""


class Price(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A price in exactly one unit."""

    msat: int | None = None
    sat: Decimal | None = None
    usd: Decimal | None = None

    def rate(self, usd_per_btc: Decimal | None) -> int:
        """In rate units, rounded up. Raises :class:`PriceUnavailable`."""
        if self.msat is not None:
            return self.msat * PER_MSAT
        if self.sat is not None:
            return rounded_up(self.sat, Fraction(MSAT_PER_SAT * PER_MSAT))
        if usd_per_btc is None:
            raise PriceUnavailable
        assert self.usd is not None, "a price has one unit"
        return rounded_up(self.usd, Fraction(MSAT_PER_BTC * PER_MSAT) / Fraction(usd_per_btc))


class CustomEndpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of the file; see the module."""

    method: str | tuple[str, ...]
    path: str
    price: Price
    per_kb_in: Price | None = None
    per_kb_out: Price | None = None
    max_kb_out: int = 1_000
    upstream_path: str | None = None
    provider: str | None = None
    binds: tuple[str, ...] = ()
    owned: tuple[str, ...] = ()
    lists: str | None = None

    @property
    def methods(self) -> tuple[str, ...]:
        """All of its methods."""
        return (self.method,) if isinstance(self.method, str) else self.method

    @property
    def segments(self) -> tuple[str, ...]:
        """Its path without ``v1``, cut."""
        return _cut(self.path)

    def match(self, segments: Sequence[str]) -> dict[str, str] | None:
        """The values of the names when a path is meant; None when another one is."""
        pattern = self.segments
        rest = pattern[-1] == REST
        if len(segments) < len(pattern) or (len(segments) > len(pattern) and not rest):
            return None
        found: dict[str, str] = {}
        for wanted, given in zip(pattern, segments, strict=False):
            name = _NAMED.fullmatch(wanted)
            if name is not None:
                found[name[1]] = given
            elif wanted not in {given, REST}:
                return None
        if rest:
            found[REST] = "/".join(segments[len(pattern) - 1 :])
        return found

    def upstream(self, found: dict[str, str]) -> str:
        """The provider's path for these values."""
        pattern = self.segments if self.upstream_path is None else _cut(self.upstream_path)
        parts = []
        for segment in pattern:
            name = _NAMED.fullmatch(segment)
            parts.append(found[name[1] if name else REST] if name or segment == REST else segment)
        return "/".join(parts)


def load_custom(path: Path, brought: Sequence[CustomEndpoint] = ()) -> tuple[CustomEndpoint, ...]:
    """Read and check the file; none for an empty path. Raises :class:`CustomFileError`.

    ``brought`` are entries of packages, already checked by themselves.
    """
    if path == Path():
        return checked_custom(brought)
    try:
        return checked_custom([*parse_custom(path.read_bytes()), *brought])
    except OSError as error:
        raise CustomFileError(f"{path}: {error.strerror}") from error
    except CustomFileError as error:
        raise CustomFileError(f"{path}: {error}") from error


def parse_custom(text: bytes) -> tuple[CustomEndpoint, ...]:
    """Read and check the entries, the more particular ones in front."""
    try:
        raw: Any = msgspec.json.Decoder(float_hook=Decimal).decode(text)
        found = msgspec.convert(raw, tuple[CustomEndpoint, ...])
    except (msgspec.MsgspecError, InvalidOperation, UnicodeDecodeError) as error:
        raise CustomFileError(str(error)) from error
    return checked_custom(found)


def checked_custom(found: Sequence[CustomEndpoint]) -> tuple[CustomEndpoint, ...]:
    """The same entries, the more particular ones in front. Raises :class:`CustomFileError`."""
    problems = [
        f"{entry.path}: {problem}" for entry in found for problem in _problems(entry)
    ] + list(_twice(found))
    if problems:
        raise CustomFileError("; ".join(problems))
    return tuple(sorted(found, key=_breadth))


def _breadth(entry: CustomEndpoint) -> tuple[bool, int]:
    segments = entry.segments
    return segments[-1] == REST, sum(1 for one in segments if _NAMED.fullmatch(one))


def _problems(entry: CustomEndpoint) -> Iterator[str]:
    yield from _path_problems(entry)
    if len(entry.path) > NAME_CHARS_MAX:
        yield f"path is longer than {NAME_CHARS_MAX} characters"
    if not entry.methods or not set(entry.methods) <= set(METHODS):
        yield f"method must be of {', '.join(METHODS)}"
    if not 0 < entry.max_kb_out <= 1_000_000:  # noqa: PLR2004 - a gigabyte
        yield "max_kb_out must be from 1 to 1000000"
    for name in ("price", "per_kb_in", "per_kb_out"):
        price = getattr(entry, name)
        if price is not None and (problem := _price_problem(price)):
            yield f"{name}: {problem}"


def _path_problems(entry: CustomEndpoint) -> Iterator[str]:
    for path in filter(None, (entry.path, entry.upstream_path)):
        *most, last = _cut(path)
        if not all(map(_is_segment, most)) or not (_is_segment(last) or last == REST):
            yield f"{path!r} is no path of plain segments, {{names}} and a last *"
            return
    first = entry.segments[0]
    if first in OWN_PATHS or not _SEGMENT.fullmatch(first):
        yield "is served by the node itself"
    names = _names(entry.segments)
    if entry.upstream_path is not None and not _names(_cut(entry.upstream_path)) <= names:
        yield "upstream_path has names that path has not"


def _names(segments: Sequence[str]) -> set[str]:
    found = {match[1] for one in segments if (match := _NAMED.fullmatch(one))}
    return found | ({REST} & set(segments))


def _price_problem(price: Price) -> str | None:
    given = [one for one in (price.msat, price.sat, price.usd) if one is not None]
    if len(given) != 1:
        return "must be in one of msat, sat, usd"
    (one,) = given
    if isinstance(one, Decimal) and not one.is_finite():
        return "must be a number"
    return None if 0 <= one <= PRICE_MAX else f"must be from 0 to {PRICE_MAX}"


def _twice(entries: Sequence[CustomEndpoint]) -> Iterator[str]:
    seen: set[tuple[str, tuple[str, ...]]] = set()
    for entry in entries:
        plain = tuple("{}" if _NAMED.fullmatch(one) else one for one in entry.segments)
        for method in entry.methods:
            if (method, plain) in seen:
                yield f"{method} {entry.path} is listed twice"
            seen.add((method, plain))


def _cut(path: str) -> tuple[str, ...]:
    segments = tuple(path.strip("/").split("/"))
    return segments[1:] if segments[0] == "v1" else segments


def _is_segment(segment: str) -> bool:
    plain = _SEGMENT.fullmatch(segment) and segment.strip(".")
    return bool(plain or _NAMED.fullmatch(segment))
