import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routstr.errors import UpstreamError, UpstreamRateLimited, UpstreamRejected
from routstr.upstream.faults import MESSAGE_CHARS_MAX, refusal, refusal_inside

QUOTA = (
    "Rate limit reached for gpt-5 in organization org-Ab12Cd34Ef56 on tokens per min (TPM): "
    "Limit 10000, Used 9500, Requested 1200. Please try again in 4.2s. Visit https://example.com"
)


def envelope(message: object = "No.", **more: object) -> bytes:
    return json.dumps({"error": {"message": message, **more}}).encode()


def told(status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> UpstreamError:
    return refusal(status, body, headers or {}, "gpt-5")


@pytest.mark.parametrize("status", [400, 403, 404, 413, 418, 422, 500, 503, 529, 599])
def test_the_providers_status_and_message_are_told(status: int) -> None:
    error = told(status, envelope("Bad temperature.", code="bad_value", param="temperature"))
    assert isinstance(error, UpstreamRejected)
    assert error.http_status == status
    assert error.message == "Bad temperature. (Nothing was charged.)"
    assert error.details == {
        "upstream_status": status,
        "upstream_code": "bad_value",
        "upstream_param": "temperature",
    }


@pytest.mark.parametrize("status", [401, 402, 407])
def test_a_refusal_of_the_nodes_account_is_not_blamed_on_the_client(status: int) -> None:
    error = told(status, envelope("Incorrect API key provided: sk-abcd1234."))
    assert error.http_status == 502
    assert error.code == "upstream_request_failed"
    assert "key provided" not in error.message


@pytest.mark.parametrize("status", [201, 204, 301, 302, 307, 399, 600, 999])
def test_a_status_that_is_neither_success_nor_error_is_a_bad_gateway(status: int) -> None:
    assert told(status).http_status == 502


def test_a_rate_limit_is_told_in_detail() -> None:
    error = told(429, envelope(QUOTA, code="rate_limit_exceeded"))
    assert isinstance(error, UpstreamRateLimited)
    assert error.http_status == 429
    assert error.code == "UPSTREAM_RATE_LIMIT"
    assert error.headers == {"Retry-After": "5"}
    assert error.details["message"] == QUOTA.replace("org-Ab12Cd34Ef56", "[secret]")
    assert {**error.details, "message": ""} == {
        "code": "rate_limit_exceeded",
        "message": "",
        "model": "gpt-5",
        "limit_name": "tokens per min",
        "metric": "TPM",
        "limit": 10000,
        "used": 9500,
        "requested": 1200,
        "retry_after_seconds": 5,
    }


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("6ms", 1), ("0.5s", 1), ("7s", 7), ("7.01s", 8), ("1m30s", 90), ("2m", 120), ("20", 20)],
)
def test_the_wait_is_read_from_the_message_and_rounded_up(said: str, seconds: int) -> None:
    error = told(429, envelope(f"Please try again in {said}."))
    assert error.details["retry_after_seconds"] == seconds


def test_the_header_wins_over_the_message() -> None:
    error = told(429, envelope("try again in 6s"), {"Retry-After": "33"})
    assert error.headers == {"Retry-After": "33"}


@pytest.mark.parametrize("header", ["soon", "-1", "1.5", "9" * 40, "²", ""])
def test_an_odd_retry_after_is_not_repeated(header: str) -> None:
    assert told(503, b"", {"Retry-After": header}).headers == {}


def test_an_overloaded_provider_says_when_to_come_back() -> None:
    assert told(503, b"", {"Retry-After": "3"}).headers == {"Retry-After": "3"}


@pytest.mark.parametrize(
    "secret",
    [
        "org-AbCdEf123456",
        "proj_0123456789abcdef",
        "user-9f8e7d6c",
        "acct_1A2b3C4d",
        "sk-proj-abc123xyz",
        "sk-abc1***************wxyz",
        "ops@example.com",
        "Bearer abcdef0123456789",
    ],
)
def test_accounts_and_keys_are_cut_out(secret: str) -> None:
    error = told(400, envelope(f"Sorry, {secret} may not do this.", code=secret))
    assert secret not in str(error.message) + json.dumps(dict(error.details))
    assert "may not do this" in error.message


@pytest.mark.parametrize("plain", ["user_message", "key-value", "team_members", "project-wide"])
def test_plain_words_are_left(plain: str) -> None:
    assert plain in told(400, envelope(f"{plain} is bad")).message


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Bad Gateway</html>",
        b'{"error":',
        b"[]",
        b"17",
        b'{"error": 5}',
        b"[" * 5000,
        b"\xff\xfe",
        b'{"error": {"message": {"deep": 1}}}',
    ],
)
def test_a_body_that_says_nothing_leaves_the_status(body: bytes) -> None:
    assert (
        told(500, body).message == "The provider answered with status 500. (Nothing was charged.)"
    )


@pytest.mark.parametrize(
    "body",
    [
        b'{"error": "No."}',
        b'{"message": "No."}',
        b'{"detail": "No."}',
        b'[{"error": {"message": "No."}}]',
        b'{"error": {"detail": "No."}}',
    ],
)
def test_other_envelopes_are_understood(body: bytes) -> None:
    assert told(400, body).message.startswith("No.")


def test_a_long_message_is_cut() -> None:
    assert len(told(400, envelope("x" * 100_000)).message) < MESSAGE_CHARS_MAX + 50


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ({"message": "No.", "code": 400}, 400),
        ({"message": "No.", "code": "503"}, 503),
        ({"message": "No.", "code": "server_error"}, 502),
        ({"message": "No.", "code": 401}, 502),
        ({"message": "No.", "code": 200}, 502),
        ({"message": "No.", "code": True}, 502),
        ({"message": "No.", "code": 10**9}, 502),
        ("No.", 502),
        (["No."], 502),
        (17, 502),
    ],
)
def test_an_error_inside_a_success_is_an_error(error: object, status: int) -> None:
    assert refusal_inside(error, "m").http_status == status


def test_an_error_inside_a_stream_says_that_a_part_was_charged() -> None:
    error = refusal_inside({"message": "No."}, "m", "A part was charged.")
    assert error.message == "No. (A part was charged.)"


@given(st.binary(max_size=200), st.integers(100, 999))
def test_no_answer_breaks_the_reading_of_it(body: bytes, status: int) -> None:
    assert 400 <= told(status, body).http_status <= 599


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(
            ["message", "code", "type", "param", "error", "detail"]), inner),
        max_leaves=6,
    )
)  # fmt: skip
def test_no_error_object_breaks_the_reading_of_it(error: object) -> None:
    assert 400 <= refusal_inside(error, "m").http_status <= 599
