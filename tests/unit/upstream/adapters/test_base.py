"""The contract of every type of provider: one row here for each line of the registry."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import pytest
from yarl import URL

from routstr.core.addresses import normalise_url
from routstr.upstream.adapters import ADAPTERS, adapter_of, find_adapter
from routstr.upstream.adapters.base import Adapter

KEY: Final = "sk-secret-0123456789"
CHAT: Final = "/v1/chat/completions"
MESSAGES: Final = "/v1/messages"
RESPONSES: Final = "/v1/responses"
EMBEDDINGS: Final = "/v1/embeddings"
IMAGES: Final = "/v1/images/generations"
EVERYTHING: Final = frozenset({CHAT, MESSAGES, RESPONSES, EMBEDDINGS, IMAGES, "/v1/anything/else"})


@dataclass(frozen=True)
class Row:
    """What the provider's public documentation says."""

    first: str
    """The address of the first endpoint it speaks, with model ``m``."""
    speaks: frozenset[str]
    headers: Mapping[str, str] = field(default_factory=lambda: {"Authorization": f"Bearer {KEY}"})
    base: str = "https://provider.example/v1"
    """Where the operator has to say; else the adapter's own."""
    endpoint: str = CHAT


ROWS: Final[Mapping[str, Row]] = {
    "anthropic": Row(
        "https://api.anthropic.com/v1/messages",
        frozenset({CHAT, MESSAGES}),
        {"X-Api-Key": KEY, "Anthropic-Version": "2023-06-01"},
        endpoint=MESSAGES,
    ),
    "azure": Row(
        "https://name.openai.azure.com/openai/deployments/m/chat/completions"
        "?api-version=2024-10-21",
        frozenset({CHAT, RESPONSES, EMBEDDINGS, IMAGES}),
        {"Api-Key": KEY},
        base="https://name.openai.azure.com",
    ),
    "fireworks": Row(
        "https://api.fireworks.ai/inference/v1/chat/completions",
        frozenset({CHAT, RESPONSES, EMBEDDINGS}),
    ),
    "gemini": Row(
        "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions",
        frozenset({CHAT, EMBEDDINGS, IMAGES}),
    ),
    "generic": Row("https://provider.example/v1/chat/completions", EVERYTHING),
    "groq": Row("https://api.groq.com/openai/v1/chat/completions", frozenset({CHAT, RESPONSES})),
    "mistral": Row("https://api.mistral.ai/v1/chat/completions", frozenset({CHAT, EMBEDDINGS})),
    "ollama": Row(
        "http://localhost:11434/v1/chat/completions",
        frozenset({CHAT, MESSAGES, RESPONSES, EMBEDDINGS}),
    ),
    "openai": Row(
        "https://api.openai.com/v1/chat/completions",
        frozenset({CHAT, RESPONSES, EMBEDDINGS, IMAGES}),
    ),
    "openrouter": Row(
        "https://openrouter.ai/api/v1/chat/completions",
        frozenset({CHAT, MESSAGES, RESPONSES, EMBEDDINGS}),
    ),
    "perplexity": Row("https://api.perplexity.ai/chat/completions", frozenset({CHAT})),
    "routstr": Row("https://provider.example/v1/chat/completions", EVERYTHING),
    "xai": Row(
        "https://api.x.ai/v1/chat/completions", frozenset({CHAT, MESSAGES, RESPONSES, IMAGES})
    ),
}


@pytest.fixture(params=sorted(ADAPTERS))
def adapter(request: pytest.FixtureRequest) -> Adapter:
    return ADAPTERS[request.param]


def test_every_type_has_its_row() -> None:
    assert ROWS.keys() == ADAPTERS.keys()


def test_a_type_asks_where_its_documentation_says(adapter: Adapter) -> None:
    row = ROWS[adapter.name]
    path = row.endpoint.removeprefix("/v1/")
    url = adapter.url(URL(adapter.base_url or row.base), path, "m")
    assert str(url) == row.first
    assert adapter.url(URL(adapter.base_url or row.base), f"/{path}/", "m") == url


def test_a_type_shows_its_key_where_its_documentation_says(adapter: Adapter) -> None:
    row = ROWS[adapter.name]
    path = row.endpoint.removeprefix("/v1/")
    assert dict(adapter.headers(KEY, path)) == row.headers
    keyless = adapter.headers("", path)
    assert {name: told for name, told in row.headers.items() if KEY not in told} == dict(keyless)


def test_a_key_is_never_part_of_an_address(adapter: Adapter) -> None:
    for endpoint in EVERYTHING:
        path = endpoint.removeprefix("/v1/")
        assert KEY not in str(adapter.url(URL(ROWS[adapter.name].base), path, "m"))
        assert sum(KEY in told for told in adapter.headers(KEY, path).values()) == 1


def test_a_type_speaks_what_it_is_said_to_speak(adapter: Adapter) -> None:
    assert {one for one in EVERYTHING if adapter.speaks(one)} == ROWS[adapter.name].speaks


def test_an_address_changes_with_the_model_only_where_it_is_said(adapter: Adapter) -> None:
    base = URL(ROWS[adapter.name].base)
    urls = {adapter.url(base, "chat/completions", model) for model in ("m", "n")}
    assert (len(urls) > 1) is adapter.by_model


def test_a_type_can_be_shown_and_found(adapter: Adapter) -> None:
    assert adapter.title
    assert find_adapter(adapter.name) is adapter
    for url in filter(None, (adapter.base_url, adapter.platform_url)):
        assert normalise_url(url) == url
    assert adapter.base_url or not adapter.fixed
    if adapter.base_url and "localhost" not in adapter.base_url:
        assert adapter_of(adapter.base_url) is adapter


@pytest.mark.parametrize(
    ("path", "native"),
    [("audio/speech", True), ("audio", True), ("audiobooks", False), ("chat", False)],
)
def test_what_lies_below_an_endpoint_is_spoken_too(path: str, *, native: bool) -> None:
    assert ADAPTERS["openai"].speaks(f"/v1/{path}") is native
