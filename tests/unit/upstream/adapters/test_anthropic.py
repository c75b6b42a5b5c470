from routstr.upstream.adapters.anthropic import ADAPTER


def test_the_compatible_endpoint_takes_a_bearer() -> None:
    assert ADAPTER.headers("k", "chat/completions") == {"Authorization": "Bearer k"}
    assert ADAPTER.headers("", "chat/completions") == {}


def test_counting_tokens_is_part_of_the_messages_api() -> None:
    assert ADAPTER.speaks("/v1/messages/count_tokens")
