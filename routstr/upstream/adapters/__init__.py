"""The types of providers: one module for each, one line here.

An adapter says how a provider's addresses and headers look and what it speaks; it never opens a
connection. Who uses adapters takes the registry as an argument, so another package can add to it.
"""

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from routstr.upstream.adapters.base import Adapter

GENERIC: Final = "generic"
"""The type of a provider of which nothing else is known."""

_TYPES: Final = (
    "anthropic",
    "azure",
    "fireworks",
    "gemini",
    GENERIC,
    "groq",
    "mistral",
    "ollama",
    "openai",
    "openrouter",
    "perplexity",
    "routstr",
    "xai",
)
_OTHER_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {"custom": GENERIC, "vllm": GENERIC, "x-ai": "xai"}
)


def _load(name: str) -> Adapter:
    adapter: object = import_module(f"{__name__}.{name}").ADAPTER
    assert isinstance(adapter, Adapter), "the module has the adapter of its name"
    assert adapter.name == name, "the module has the adapter of its name"
    return adapter


ADAPTERS: Final[Mapping[str, Adapter]] = MappingProxyType({name: _load(name) for name in _TYPES})
"""The registry: every type by its name."""


def find_adapter(name: str, adapters: Mapping[str, Adapter] = ADAPTERS) -> Adapter | None:
    """The adapter of a type, also by what the type is called elsewhere; None for an unknown one."""
    return adapters.get(name) or adapters.get(_OTHER_NAMES.get(name, ""))


def adapter_of(base_url: str, adapters: Mapping[str, Adapter] = ADAPTERS) -> Adapter:
    """The adapter whose own host an address has, else the generic one."""
    host = urlsplit(base_url).hostname or ""
    return next((one for one in adapters.values() if one.owns(host)), adapters[GENERIC])
