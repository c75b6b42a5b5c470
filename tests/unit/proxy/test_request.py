import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routstr.errors import InvalidJson, InvalidParameter
from routstr.proxy.dialects.choices import CHAT
from routstr.proxy.request import MODEL_CHARS_MAX


def body(**more: object) -> bytes:
    return json.dumps({"model": "m", "messages": [], **more}).encode()


def sent(raw: bytes, limit: int | None = None) -> Any:
    return json.loads(CHAT.parse(raw).encode("vendor/m", limit))


def test_a_request_is_parsed_once_and_written_anew() -> None:
    request = CHAT.parse(body(stream=True, temperature=0.7))
    assert (request.model, request.stream) == ("m", True)
    assert json.loads(request.encode("vendor/m", None)) == {
        "model": "vendor/m",
        "messages": [],
        "stream": True,
        "temperature": 0.7,
        "stream_options": {"include_usage": True},
    }


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"not json",
        b"model=m&stream=1",
        b'--boundary\r\nContent-Disposition: form-data; name="model"\r\n\r\nm',
        b'{"model":"m",}',
        b'{"model":"m"} {"model":"n"}',
        b"{'model':'m'}",
        b'{"model":"m","x":NaN}',
        b'{"model":"m","x":Infinity}',
        b'{"model":"m","x":1e999}',
        b'{"model":"m","x":01}',
        b'{"model":"m","x":' + b"9" * 5_000 + b"}",
        b'{"model":"m","x":"\xff"}',
        b'{"model":"m","x":"\\ud800"}',
        b"\xef\xbb\xbf" + b'{"model":"m"}',
        b'{"model":"m","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a":' * 100_000,
        b"null",
        b"[]",
        b'"m"',
        b"17",
    ],
)
def test_what_is_no_json_object_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidJson) as caught:
        CHAT.parse(raw)
    assert caught.value.http_status == 400
    assert caught.value.code == "invalid_json"


@pytest.mark.parametrize("model", [None, "", "  ", 5, ["m"], {"id": "m"}, True, "x" * 300])
def test_the_model_must_be_named(model: object) -> None:
    with pytest.raises(InvalidParameter) as caught:
        CHAT.parse(body(model=model))
    assert caught.value.details == {"param": "model"}
    assert len("x" * 300) > MODEL_CHARS_MAX


def test_a_missing_model_is_refused() -> None:
    with pytest.raises(InvalidParameter):
        CHAT.parse(b"{}")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("stream", "true"),
        ("stream", 1),
        ("stream_options", True),
        ("stream_options", []),
        ("service_tier", "priority"),
        ("models", ["cheap", "dear"]),
    ],
)
def test_what_would_change_the_bill_is_refused(name: str, value: object) -> None:
    with pytest.raises(InvalidParameter) as caught:
        CHAT.parse(body(**{name: value}))
    assert caught.value.details == {"param": name}


@pytest.mark.parametrize(
    "harmless", [{"service_tier": "auto"}, {"models": None}, {"stream": None}, {"stream": False}]
)
def test_what_does_not_change_it_passes(harmless: dict[str, object]) -> None:
    assert sent(body(**harmless)) == {"model": "vendor/m", "messages": [], **harmless}


def test_of_two_limits_in_one_body_the_provider_reads_the_one_that_was_priced() -> None:
    raw = b'{"model":"cheap","max_tokens":1,"model":"m","max_tokens":9000,"messages":[]}'
    request = CHAT.parse(raw)
    assert request.body["max_tokens"] == 9000
    written = request.encode("vendor/m", None)
    assert written.count(b"max_tokens") == written.count(b'"model"') == 1
    assert json.loads(written)["max_tokens"] == 9000


def test_a_stream_is_always_asked_for_its_usage() -> None:
    options = {"include_usage": False, "include_obfuscation": True}
    assert sent(body(stream=True, stream_options=options))["stream_options"] == {
        "include_usage": True,
        "include_obfuscation": True,
    }
    assert "stream_options" not in sent(body(stream=False))


def test_a_request_without_a_limit_gets_what_the_balance_pays() -> None:
    assert sent(body(), 50)["max_tokens"] == 50
    assert "max_tokens" not in sent(body())


@pytest.mark.parametrize(
    ("named", "limited"),
    [
        ({"max_tokens": 100}, {"max_tokens": 50}),
        ({"max_tokens": 20}, {"max_tokens": 20}),
        ({"max_completion_tokens": 100}, {"max_completion_tokens": 50}),
        (
            {"max_tokens": 20, "max_completion_tokens": 100},
            {"max_tokens": 20, "max_completion_tokens": 50},
        ),
        (
            {"max_tokens": None, "max_completion_tokens": 100},
            {"max_tokens": None, "max_completion_tokens": 50},
        ),
    ],
)
def test_named_limits_are_lowered_and_never_raised(
    named: dict[str, object], limited: dict[str, object]
) -> None:
    written = sent(body(**named), 50)
    assert {name: written[name] for name in written if name.startswith("max")} == limited


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=6),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=3,
)


@given(st.dictionaries(st.sampled_from("abcdefgh"), PLAIN, max_size=3))
def test_everything_else_reaches_the_provider_unchanged(more: dict[str, object]) -> None:
    assert sent(body(**more)) == {"messages": [], **more, "model": "vendor/m"}


@given(st.binary(max_size=80))
def test_no_bytes_break_the_parser(raw: bytes) -> None:
    with pytest.raises((InvalidJson, InvalidParameter)):
        CHAT.parse(raw)
