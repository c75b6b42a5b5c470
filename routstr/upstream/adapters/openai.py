"""OpenAI: the API that the others are compatible with."""

from typing import Final

from routstr.upstream.adapters.base import Adapter, endpoints

ADAPTER: Final = Adapter(
    name="openai",
    title="OpenAI",
    base_url="https://api.openai.com/v1",
    platform_url="https://platform.openai.com/api-keys",
    native=endpoints(
        "audio",
        "batches",
        "chat/completions",
        "completions",
        "embeddings",
        "files",
        "images",
        "moderations",
        "realtime",
        "responses",
    ),
)
