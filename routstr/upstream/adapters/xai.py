"""xAI."""

from typing import Final

from routstr.upstream.adapters.base import Adapter, endpoints

ADAPTER: Final = Adapter(
    name="xai",
    title="xAI",
    base_url="https://api.x.ai/v1",
    platform_url="https://console.x.ai",
    native=endpoints("chat/completions", "completions", "images", "messages", "responses"),
)
