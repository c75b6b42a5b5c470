from routstr.proxy.dialects import DIALECTS, PIECES
from routstr.proxy.openapi import paid_paths


def test_every_paid_route_is_told_with_what_it_takes_and_answers() -> None:
    paths = paid_paths(DIALECTS, PIECES)
    endpoints = {one.endpoint for one in DIALECTS} | {one.endpoint for one in PIECES}
    assert set(paths) == endpoints | {"/v1/messages/count_tokens", "/v1/estimate"}

    def answers(path: str) -> set[str]:
        return set(paths[path]["post"]["responses"]["200"]["content"])

    assert answers("/v1/chat/completions") == {"application/json", "text/event-stream"}
    assert answers("/v1/embeddings") == {"application/json"}
    assert "audio/*" in answers("/v1/audio/speech")
    assert set(paths["/v1/audio/transcriptions"]["post"]["requestBody"]["content"]) == {
        "multipart/form-data"
    }


def test_only_what_costs_something_tells_how_it_is_paid() -> None:
    paths = paid_paths(DIALECTS, PIECES)
    assert "402" not in paths["/v1/estimate"]["post"]["responses"]
    chat = paths["/v1/chat/completions"]["post"]
    assert "402" in chat["responses"]
    assert {"X-Cashu", "Idempotency-Key", "X-Max-Cost-Msat"} <= {
        one["name"] for one in chat["parameters"]
    }
