"""OpenRouter: many providers behind one; a 403 of it is about the content of a request."""

from typing import Final

from routstr.upstream.adapters.base import Adapter, endpoints

ADAPTER: Final = Adapter(
    name="openrouter",
    title="OpenRouter",
    base_url="https://openrouter.ai/api/v1",
    fixed=True,
    platform_url="https://openrouter.ai/settings/keys",
    native=endpoints("chat/completions", "completions", "embeddings", "messages", "responses"),
    judges_content=True,
)
