import pytest

from routstr.core.secret import Secret
from routstr.upstream.provider import Provider


@pytest.mark.parametrize("base", ["http://host:1/v1", "http://host:1/v1/"])
def test_endpoints_are_below_the_base_address(base: str) -> None:
    provider = Provider.create("p", base, Secret("sk-1"))
    assert str(provider.url("chat/completions")) == "http://host:1/v1/chat/completions"
    assert str(provider.url("/models/")) == "http://host:1/v1/models"


def test_every_request_carries_the_providers_key_and_asks_for_plain_text() -> None:
    headers = Provider.create("p", "http://host", Secret("sk-1")).headers
    assert headers["authorization"] == "Bearer sk-1"
    assert headers["accept-encoding"] == "identity"
    assert headers["content-type"] == "application/json"


def test_without_a_key_no_credential_is_sent() -> None:
    assert "Authorization" not in Provider.create("p", "http://host", Secret("")).headers


def test_a_provider_does_not_print_its_key() -> None:
    provider = Provider.create("p", "http://host", Secret("sk-planted"))
    assert "planted" not in f"{provider} {provider!r}"
