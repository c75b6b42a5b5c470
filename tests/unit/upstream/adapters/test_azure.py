import pytest
from yarl import URL

from routstr.upstream.adapters import adapter_of
from routstr.upstream.adapters.azure import ADAPTER

HOST = "https://name.openai.azure.com"


@pytest.mark.parametrize(
    ("base", "path", "asked"),
    [
        ("", "embeddings", "/openai/deployments/my-gpt/embeddings?api-version=V"),
        ("/openai", "embeddings", "/openai/deployments/my-gpt/embeddings?api-version=V"),
        ("/", "audio/speech", "/openai/deployments/my-gpt/audio/speech?api-version=V"),
        ("", "responses", "/openai/v1/responses"),
        ("/openai", "responses", "/openai/v1/responses"),
        ("/openai/v1", "chat/completions", "/openai/v1/chat/completions"),
        ("/openai/v1/", "responses", "/openai/v1/responses"),
    ],
)
def test_the_deployment_is_in_the_address_unless_the_base_says_v1(
    base: str, path: str, asked: str
) -> None:
    url = ADAPTER.url(URL(HOST + base), path, "my-gpt", {"api_version": "V"})
    assert str(url) == HOST + asked


def test_a_deployment_cannot_lead_to_another_address() -> None:
    url = ADAPTER.url(URL(HOST), "chat/completions", "a/b?c#d e", {})
    assert url.raw_path == "/openai/deployments/a%2Fb%3Fc%23d%20e/chat/completions"
    assert url.query_string == "api-version=2024-10-21"


def test_azure_is_known_by_its_host() -> None:
    assert adapter_of(f"{HOST}/openai/v1") is ADAPTER
    assert adapter_of("https://openai.azure.com.evil.example") is not ADAPTER
