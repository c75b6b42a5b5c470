"""Perplexity: chat below no ``/v1``, usage in its streams without being asked for."""

from typing import Final

from routstr.upstream.adapters.base import Adapter, endpoints

ADAPTER: Final = Adapter(
    name="perplexity",
    title="Perplexity",
    base_url="https://api.perplexity.ai",
    fixed=True,
    platform_url="https://www.perplexity.ai/settings/api",
    native=endpoints("chat/completions"),
    refuses=frozenset({"stream_options"}),
)
