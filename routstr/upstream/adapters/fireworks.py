"""Fireworks AI."""

from typing import Final

from routstr.upstream.adapters.base import Adapter, endpoints

ADAPTER: Final = Adapter(
    name="fireworks",
    title="Fireworks AI",
    base_url="https://api.fireworks.ai/inference/v1",
    platform_url="https://app.fireworks.ai/settings/users/api-keys",
    native=endpoints("chat/completions", "completions", "embeddings", "rerank", "responses"),
)
