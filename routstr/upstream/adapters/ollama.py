"""Ollama: models on the operator's own machines; most take no key."""

from typing import Final

from routstr.upstream.adapters.base import Adapter, endpoints

ADAPTER: Final = Adapter(
    name="ollama",
    title="Ollama",
    base_url="http://localhost:11434/v1",
    platform_url="https://ollama.com",
    native=endpoints("chat/completions", "completions", "embeddings", "messages", "responses"),
)
