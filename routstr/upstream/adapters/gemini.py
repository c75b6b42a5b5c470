"""Google Gemini, by its OpenAI-compatible surface."""

from typing import Final

from routstr.upstream.adapters.base import Adapter, endpoints

ADAPTER: Final = Adapter(
    name="gemini",
    title="Google Gemini",
    base_url="https://generativelanguage.googleapis.com/v1beta/openai",
    fixed=True,
    platform_url="https://aistudio.google.com/apikey",
    native=endpoints("batches", "chat/completions", "embeddings", "files", "images/generations"),
)
