"""Model paths: texts by which a client says which provider is to serve a model.

A path is opaque to clients and carries no address that is nobody's business: of a provider in a
private network, on this machine or behind a port of its own it says ``http://localhost``.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from routstr.catalog.snapshot import ModelEntry
from routstr.core.addresses import is_public, literal_address
from routstr.errors import InvalidModelPath
from routstr.upstream.provider import Profile

MASKED: Final = "http://localhost"
PATH_CHARS_MAX: Final = 1_024
_URL, _PROVIDER, _MODEL = "url", "provider-id", "model-id"


@dataclass(frozen=True, slots=True)
class ModelPath:
    """What a path says. ``provider`` is None in paths of nodes that leave it out."""

    url: str
    provider: int | None
    model: str


def path_of(profile: Profile, model: str) -> str:
    """The path to a model, by its id in the list of models, at a provider."""
    told = {_URL: shown_url(profile.base_url), _PROVIDER: str(profile.id), _MODEL: model}
    return urlencode(told)


def read_path(text: str) -> ModelPath:
    """Read a path that a client sends. Raises :class:`InvalidModelPath`."""
    if len(text) > PATH_CHARS_MAX:
        raise InvalidModelPath
    pairs = parse_qsl(text, keep_blank_values=True)
    told = dict(pairs)
    provider = told.get(_PROVIDER)
    known = told.keys() <= {_URL, _PROVIDER, _MODEL} and len(told) == len(pairs)
    if not known or not told.get(_URL) or not told.get(_MODEL):
        raise InvalidModelPath
    if provider is not None and not (provider.isascii() and provider.isdigit()):
        raise InvalidModelPath
    return ModelPath(told[_URL], None if provider is None else int(provider[:18]), told[_MODEL])


def follow(path: ModelPath, entries: Iterable[tuple[ModelEntry, Profile]]) -> ModelEntry:
    """The one entry that a path leads to. Raises :class:`InvalidModelPath`."""
    found = [
        entry
        for entry, profile in entries
        if entry.id.lower() == path.model.lower()
        and shown_url(profile.base_url) == path.url
        and path.provider in {None, profile.id}
    ]
    if len(found) != 1:
        raise InvalidModelPath
    return found[0]


def shown_url(base_url: str) -> str:
    """A provider's address as everybody may know it."""
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    address = literal_address(host)
    private = "." not in host or host.endswith((".local", ".internal", ".lan", ".onion"))
    if address is not None:
        private = not is_public(address)
    return MASKED if private or parts.port is not None else base_url
