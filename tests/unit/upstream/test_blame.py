import json

import pytest

from routstr.errors import UpstreamError, UpstreamTimeout, UpstreamUnavailable
from routstr.upstream.adapters import ADAPTERS
from routstr.upstream.blame import Blame, blame, wait_s
from routstr.upstream.faults import refusal

GENERIC = ADAPTERS["generic"]


def refused(status: int, code: str = "", **headers: str) -> UpstreamError:
    body = json.dumps({"error": {"message": "No.", "code": code or None}}).encode()
    return refusal(
        status, body, {name.replace("_", "-"): text for name, text in headers.items()}, "m"
    )


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (UpstreamUnavailable(), Blame.PROVIDER),
        (UpstreamTimeout(), Blame.PROVIDER),
        (UpstreamError("no HTTP"), Blame.PROVIDER),
        *((refused(status), Blame.PROVIDER) for status in (500, 502, 503, 529, 599, 408)),
        *((refused(status), Blame.PROVIDER) for status in (204, 302, 101, 999)),
        *((refused(status), Blame.KEY) for status in (401, 402, 407)),
        (refused(429), Blame.BUSY),
        (refused(429, "rate_limit_exceeded"), Blame.BUSY),
        (refused(429, "insufficient_quota"), Blame.KEY),
        (refused(403), Blame.MODEL),
        (refused(404), Blame.CLIENT),
        (refused(404, "model_not_found"), Blame.ELSEWHERE),
        *((refused(status), Blame.CLIENT) for status in (400, 405, 409, 413, 415, 422, 451, 499)),
    ],
)
def test_whose_fault_it_is(error: UpstreamError, fault: Blame) -> None:
    assert blame(error, GENERIC) is fault


@pytest.mark.parametrize("name", ["openrouter", "routstr"])
def test_a_403_about_the_content_is_the_client_s_where_providers_judge_it(name: str) -> None:
    assert blame(refused(403), ADAPTERS[name]) is Blame.CLIENT
    assert blame(refused(403, "key_expired"), ADAPTERS[name]) is Blame.MODEL


def test_a_429_may_say_how_long() -> None:
    assert wait_s(refused(429, Retry_After="17")) == 17
    assert wait_s(refused(429)) is None
    assert wait_s(refused(503, Retry_After="17")) is None
