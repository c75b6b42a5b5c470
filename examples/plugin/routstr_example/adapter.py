"""A type of provider: ``acme``, which wants its key in a header of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from routstr.upstream.adapters.base import Adapter, endpoints


@dataclass(frozen=True, slots=True, kw_only=True)
class Acme(Adapter):
    """OpenAI-compatible but for its credential."""

    def headers(self, key: str, path: str) -> Mapping[str, str]:  # noqa: ARG002 - the same everywhere
        """What tells Acme who pays."""
        return {"X-Acme-Key": key} if key else {}


ADAPTER: Final = Acme(
    name="acme",
    title="Acme",
    native=endpoints("chat/completions", "classify"),
)
