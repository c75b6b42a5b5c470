import json
from typing import Any

import pytest

from routstr.errors import UpstreamRejected
from routstr.upstream.correction import Correction, corrected, correction
from routstr.upstream.faults import refusal

BODY = json.dumps(
    {"model": "m", "messages": [], "temperature": 0.2, "max_tokens": 9, "tools": []}
).encode()


def refused(message: str, status: int = 400, **inner: Any) -> UpstreamRejected:
    body = json.dumps({"error": {"message": message, **inner}}).encode()
    error = refusal(status, body, {}, "m")
    assert isinstance(error, UpstreamRejected)
    return error


MAX_TOKENS = refused(
    "Unsupported parameter: 'max_tokens' is not supported with this model. "
    "Use 'max_completion_tokens' instead.",
    param="max_tokens",
    code="unsupported_parameter",
)
TEMPERATURE = refused(
    "Unsupported value: 'temperature' does not support 0.2 with this model. "
    "Only the default (1) value is supported.",
    param="temperature",
    code="unsupported_value",
)


@pytest.mark.parametrize(
    ("error", "found"),
    [
        (MAX_TOKENS, Correction("max_tokens", "max_completion_tokens", lasting=True)),
        (TEMPERATURE, Correction("temperature", None, lasting=True)),
        (
            refused("Unsupported value: 'temperature'.", code="unsupported_value"),
            Correction("temperature", None, lasting=False),
        ),
        (
            refused("`temperature` is deprecated for this model.", type="invalid_request_error"),
            Correction("temperature", None, lasting=True),
        ),
        (
            refused("temperature: Extra inputs are not permitted", 422),
            Correction("temperature", None, lasting=True),
        ),
        (
            refused(
                'Invalid JSON payload received. Unknown name "temperature": Cannot find field.'
            ),
            Correction("temperature", None, lasting=True),
        ),
    ],
)
def test_a_parameter_that_is_refused_by_name_is_changed(
    error: UpstreamRejected, found: Correction
) -> None:
    assert correction(error, BODY) == found


@pytest.mark.parametrize(
    "error",
    [
        refused("Unsupported parameter: 'tools'.", param="tools"),
        refused("Unsupported parameter: 'messages'.", param="messages"),
        refused("Unsupported parameter: 'top_p'.", param="top_p"),
        refused("Invalid 'temperature': decimal above maximum value.", param="temperature"),
        refused("The prompt is too long."),
        refused("temperature is not supported here", 404),
        refused("Unsupported parameter: 'temperature'.", 500),
    ],
    ids=lambda error: error.message,
)
def test_whatever_else_is_refused_stays_refused(error: UpstreamRejected) -> None:
    assert correction(error, BODY) is None


def test_a_limit_that_is_refused_under_both_names_stays_refused() -> None:
    both = json.dumps({"max_tokens": 9, "max_completion_tokens": 9}).encode()
    assert correction(MAX_TOKENS, both) is None


def test_only_what_is_named_changes() -> None:
    body, changed = corrected(
        BODY, {"max_tokens": "max_completion_tokens", "temperature": None, "seed": None}
    )
    assert json.loads(body) == {
        "model": "m",
        "messages": [],
        "tools": [],
        "max_completion_tokens": 9,
    }
    assert changed == ["max_tokens", "temperature"]


def test_a_body_without_the_parameter_stays_byte_for_byte() -> None:
    assert corrected(BODY, {"seed": None}) == (BODY, [])
