"""Turns a template and what it shows into a page that no foreign script can live in.

A page is made for one visitor: language and colours come from cookies, the address (``?lang=de``)
or the browser's wishes. What templates get: ``t`` (texts, see :class:`Words`), ``visitor``,
``asset(name)``, ``qr(text)``, ``qr_series(text)``; filters ``sat``, ``number``,
``usd``, ``when``, ``since``, ``short``.
Texts of models, providers and clients are escaped by the engine; a name that is not given is an
error, not an empty place.
"""

import hashlib
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any, Final

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import (
    Environment,
    FileSystemBytecodeCache,
    PackageLoader,
    PrefixLoader,
    StrictUndefined,
    pass_context,
)
from jinja2.bccache import Bucket
from jinja2.runtime import Context
from msgspec import Struct

from routstr.theme.animated import frames
from routstr.theme.assets import Assets
from routstr.theme.qr import qr_svg
from routstr.theme.texts import LANGUAGES, Words, choose_language, words

LANGUAGE_COOKIE: Final = "routstr_language"
SCHEME_COOKIE: Final = "routstr_colours"
SCHEMES: Final = ("auto", "light", "dark")
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SAFE_HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_SHORT: Final = 20
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


class Visitor(Struct, frozen=True):
    """Who looks at a page, as far as it matters for how it looks."""

    language: str
    scheme: str
    path: str

    @classmethod
    def of(cls, request: Request) -> "Visitor":
        """Read cookies, query and headers."""
        wanted = (request.query_params.get("lang"), request.cookies.get(LANGUAGE_COOKIE))
        scheme = request.cookies.get(SCHEME_COOKIE, "")
        return cls(
            choose_language(wanted, request.headers.get("accept-language")),
            scheme if scheme in SCHEMES else SCHEMES[0],
            request.url.path,
        )


class Compiled(FileSystemBytecodeCache):
    """Compiled templates, kept where Python keeps compiled modules, and only if it does."""

    def __init__(self) -> None:
        here = Path(__file__)
        # how templates are compiled stands in this file: another one does not read what it wrote
        mark = hashlib.sha256(here.read_bytes()).hexdigest()[:8]
        super().__init__(str(Path(cache_from_source(__file__)).parent), f"%s.{mark}.template")

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep one, if this process may write there."""
        if not sys.dont_write_bytecode:
            with suppress(OSError):
                super().dump_bytecode(bucket)


class Theme:
    """Renders templates: ``theme/base.html``, or ``<short name of a package>/<template>``."""

    __slots__ = ("_environment", "assets")

    def __init__(self, packages: Mapping[str, str], site: Mapping[str, object]) -> None:
        """``packages``: import names by short names; ``site``: what every page may show."""
        loaders = {short: PackageLoader(package) for short, package in packages.items()}
        self.assets: Final = Assets(packages)
        self._environment: Final = Environment(
            loader=PrefixLoader(loaders),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
            bytecode_cache=Compiled(),
        )
        self._environment.globals.update(
            asset=self.assets.url,
            qr=qr_svg,
            qr_series=frames,
            languages=LANGUAGES,
            site=dict(site),
        )
        self._environment.filters.update(
            sat=_sat, number=_number, usd=_usd, when=_when, since=_since, short=_short
        )

    def show_site(self, site: Mapping[str, object]) -> None:
        """Change what every page may show."""
        self._environment.globals["site"] = dict(site)

    def page(
        self,
        request: Request,
        template: str,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        **shown: Any,  # noqa: ANN401 - whatever the template shows
    ) -> HTMLResponse:
        """Make a page, or a part of one. ``shown`` are the template's values."""
        visitor = Visitor.of(request)
        body = self.render(template, visitor, **shown)
        sent = {**SAFE_HEADERS, "Content-Language": visitor.language, **(headers or {})}
        response = HTMLResponse(body, status_code=status, headers=sent)
        if request.query_params.get("lang") == visitor.language:
            response.set_cookie(
                LANGUAGE_COOKIE, visitor.language, max_age=365 * _DAY, samesite="lax"
            )
        return response

    def render(
        self,
        template: str,
        visitor: Visitor,
        **shown: Any,  # noqa: ANN401 - as above
    ) -> str:
        """Return the text of a page or of a part of one."""
        made = self._environment.get_template(template)
        return made.render(t=words(visitor.language), visitor=visitor, **shown)


def _words(context: Context) -> Words:
    found = context["t"]
    assert isinstance(found, Words)
    return found


@pass_context
def _sat(context: Context, msat: int) -> str:
    """Msat, in sat."""
    return _words(context).sat(msat)


@pass_context
def _number(context: Context, value: int | Decimal, places: int = 0) -> str:
    return _words(context).number(value, places)


@pass_context
def _usd(context: Context, value: Decimal) -> str:
    return _words(context).usd(value)


def _when(ms: int) -> str:
    """A moment in UTC, ms since the epoch, as ``<time>`` shows it."""
    return datetime.fromtimestamp(ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S")


@pass_context
def _since(context: Context, seconds: float) -> str:
    """A duration in its largest unit."""
    t = _words(context)
    for name, size in (("days", _DAY), ("hours", _HOUR), ("minutes", _MINUTE)):
        if seconds >= size:
            return str(t(f"base.{name}", count=t.number(int(seconds // size))))
    return str(t("base.seconds", count=t.number(int(seconds))))


def _short(text: str, size: int = _SHORT) -> str:
    """A long id or address, its middle left out."""
    if len(text) <= size:
        return text
    half = (size - 1) // 2
    return f"{text[:half]}…{text[-half:]}"
