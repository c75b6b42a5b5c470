"""A provider as the operator describes it, and as one of its keys sees it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Final, Self

from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from routstr.core.secret import Secret
from routstr.upstream.adapters import ADAPTERS, GENERIC
from routstr.upstream.adapters.base import NO_OPTIONS, Adapter
from routstr.upstream.client import UpstreamLimits

_ALWAYS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Content-Type": "application/json",  # bodies are written anew by the node
        "Accept": "application/json, text/event-stream",
        "Accept-Encoding": "identity",  # the scanner reads plain text
        "User-Agent": "routstr",
    }
)


@dataclass(frozen=True, slots=True)
class Profile:
    """One upstream with all of its keys.

    ``id`` is 0 for the provider of the settings. ``fee`` is the factor on its prices, None for the
    node's default. ``options`` are further texts for the adapter.
    """

    id: int
    name: str
    adapter: Adapter
    base_url: str
    keys: tuple[Secret, ...]
    limits: UpstreamLimits
    fee: Decimal | None = None
    priority: int = 0
    options: Mapping[str, str] = field(default_factory=lambda: NO_OPTIONS)


@dataclass(frozen=True, slots=True)
class Provider:
    """One upstream by one key. ``headers`` are what most requests to it start from."""

    name: str
    base_url: URL
    api_key: Secret
    headers: CIMultiDictProxy[str] = field(repr=False)
    adapter: Adapter
    options: Mapping[str, str]

    @classmethod
    def create(
        cls,
        name: str,
        base_url: str,
        api_key: Secret,
        adapter: Adapter = ADAPTERS[GENERIC],
        options: Mapping[str, str] = NO_OPTIONS,
    ) -> Self:
        """A provider at ``base_url`` (with its ``/v1``); an empty key sends no Authorization."""
        url = URL(base_url.rstrip("/"))
        return cls(name, url, api_key, _headers(adapter, api_key, ""), adapter, options)

    def headers_for(self, path: str) -> CIMultiDictProxy[str]:
        """What every request to this path starts from. Build it once."""
        return _headers(self.adapter, self.api_key, path)

    def url(self, path: str, model: str = "") -> URL:
        """The address of an endpoint, for example ``chat/completions``. Build it once.

        ``model`` is its name at the provider, for adapters with addresses by model.
        """
        return self.adapter.url(self.base_url, path, model, self.options)


def _headers(adapter: Adapter, key: Secret, path: str) -> CIMultiDictProxy[str]:
    return CIMultiDictProxy(CIMultiDict({**_ALWAYS, **adapter.headers(key.reveal(), path)}))
