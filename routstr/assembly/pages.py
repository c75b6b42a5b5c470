"""Puts the pages together: their theme, and which packages bring templates."""

from collections.abc import Mapping
from typing import Final

from fastapi import FastAPI

from routstr.admin.pages import sign_in
from routstr.admin.pages.door import SignInNeeded, send_to_sign_in
from routstr.core.settings import Settings
from routstr.theme.engine import Theme
from routstr.version import __version__
from routstr.web import look

_PACKAGES: Final[Mapping[str, str]] = {
    "theme": "routstr.theme",
    "admin": "routstr.admin",
    "web": "routstr.web",
}


def build_theme(settings: Settings) -> Theme:
    """Load templates, texts and files."""
    return Theme(_PACKAGES, _site(settings))


def show_site(theme: Theme, settings: Settings) -> None:
    """Let every page show what these settings say."""
    theme.show_site(_site(settings))


def _site(settings: Settings) -> Mapping[str, object]:
    return {"name": settings.name, "version": __version__}


def add_pages(api: FastAPI) -> None:
    """Add the routes of all pages."""
    api.add_exception_handler(SignInNeeded, send_to_sign_in)
    for router in (look.router, sign_in.router):
        api.include_router(router)
