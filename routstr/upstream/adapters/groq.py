"""Groq."""

from typing import Final

from routstr.upstream.adapters.base import Adapter, endpoints

ADAPTER: Final = Adapter(
    name="groq",
    title="Groq",
    base_url="https://api.groq.com/openai/v1",
    fixed=True,
    platform_url="https://console.groq.com/keys",
    native=endpoints("audio", "batches", "chat/completions", "files", "responses"),
)
