"""Anthropic: its Messages API, and the chat completions that it offers for compatibility."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from routstr.upstream.adapters.base import Adapter, endpoints

VERSION: Final = "2023-06-01"
"""Sent unless the client asks for another one (``Anthropic-Version``)."""
_COMPATIBLE: Final = "chat/completions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Anthropic(Adapter):
    """Takes its key in a header of its own; only the compatible endpoint takes a bearer."""

    def headers(self, key: str, path: str) -> Mapping[str, str]:
        """See :class:`Adapter`."""
        if path == _COMPATIBLE:
            return {"Authorization": f"Bearer {key}"} if key else {}
        return {"Anthropic-Version": VERSION, **({"X-Api-Key": key} if key else {})}


ADAPTER: Final = Anthropic(
    name="anthropic",
    title="Anthropic",
    base_url="https://api.anthropic.com/v1",
    platform_url="https://console.anthropic.com/settings/keys",
    native=endpoints("messages", _COMPATIBLE),
)
