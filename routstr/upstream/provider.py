"""A provider as the node knows it: a name, an address and a key, and what follows from them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Self

from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from routstr.core.secret import Secret

_ALWAYS: Mapping[str, str] = MappingProxyType(
    {
        "Content-Type": "application/json",  # bodies are written anew by the node
        "Accept": "application/json, text/event-stream",
        "Accept-Encoding": "identity",  # the scanner reads plain text
        "User-Agent": "routstr",
    }
)


@dataclass(frozen=True, slots=True)
class Provider:
    """One upstream. ``headers`` are what every request to it starts from, built once."""

    name: str
    base_url: URL
    api_key: Secret
    headers: CIMultiDictProxy[str] = field(repr=False)

    @classmethod
    def create(cls, name: str, base_url: str, api_key: Secret) -> Self:
        """A provider at ``base_url`` (with its ``/v1``); an empty key sends no Authorization."""
        headers = CIMultiDict(_ALWAYS)
        if api_key:
            headers["Authorization"] = f"Bearer {api_key.reveal()}"
        return cls(name, URL(base_url.rstrip("/")), api_key, CIMultiDictProxy(headers))

    def url(self, path: str) -> URL:
        """The address of an endpoint, for example ``chat/completions``. Build it once."""
        return self.base_url.joinpath(*path.strip("/").split("/"))
