"""Mistral."""

from typing import Final

from routstr.upstream.adapters.base import Adapter, endpoints

ADAPTER: Final = Adapter(
    name="mistral",
    title="Mistral",
    base_url="https://api.mistral.ai/v1",
    fixed=True,
    platform_url="https://console.mistral.ai",
    native=endpoints("audio/transcriptions", "chat/completions", "embeddings", "moderations"),
    refuses=frozenset({"logit_bias", "user"}),
)
