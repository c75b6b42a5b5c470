"""Puts the pages together: their theme, and which packages bring templates."""

from collections.abc import Mapping
from typing import Final

from fastapi import FastAPI

from routstr.admin.pages import (
    key,
    keys,
    logs,
    models,
    overview,
    providers,
    security,
    setup,
    setup_pay,
    sign_in,
    transactions,
)
from routstr.admin.pages import network as network_page
from routstr.admin.pages import nostr as nostr_page
from routstr.admin.pages import settings as settings_page
from routstr.admin.pages import wallet as wallet_page
from routstr.admin.pages.door import SignInNeeded, send_to_sign_in
from routstr.catalog.service import Catalog
from routstr.core.clock import Clock
from routstr.core.late_route import include
from routstr.core.settings import Settings
from routstr.theme.engine import Theme
from routstr.theme.problems import show_problems
from routstr.version import __version__
from routstr.web import docs, key_page, look, play, start
from routstr.web.offer import Offers
from routstr.web.parts import ClientParts, Look

_PACKAGES: Final[Mapping[str, str]] = {
    "theme": "routstr.theme",
    "admin": "routstr.admin",
    "web": "routstr.web",
}
ROUTERS: Final = (
    start.browser, start.router, key_page.router, play.router, docs.router,
    look.router, sign_in.router, security.router, settings_page.router, nostr_page.router,
    network_page.router,
    setup_pay.router,
    overview.router, keys.router, key.router, transactions.router,
    setup.router, wallet_page.router, logs.router, models.router, providers.router,
)  # fmt: skip
"""All pages; where two of them fit an address, the first one answers."""


def build_theme(settings: Settings) -> Theme:
    """Find templates and files; they and a language's texts are read for the first page."""
    return Theme(_PACKAGES, _site(settings))


def show_site(theme: Theme, settings: Settings) -> None:
    """Let every page show what these settings say."""
    theme.show_site(_site(settings))


def _site(settings: Settings) -> Mapping[str, object]:
    return {"name": settings.name, "version": __version__}


def build_client_pages(
    settings: Settings, catalog: Catalog, check: Look, clock: Clock, before: ClientParts | None
) -> ClientParts:
    """What the clients' pages show; how long the process runs is taken over from ``before``."""
    began = clock.monotonic() if before is None else before.began
    return ClientParts(settings, Offers(catalog), check, clock, began)


def add_pages(api: FastAPI) -> None:
    """Add the routes of all pages; browsers get pages for errors, too."""
    show_problems(api)
    api.add_exception_handler(SignInNeeded, send_to_sign_in)
    for router in ROUTERS:
        include(api, router)
