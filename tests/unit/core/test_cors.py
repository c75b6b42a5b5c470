from collections.abc import Mapping

import pytest

from routstr.core.cors import EXPOSED_HEADERS, Cors
from routstr.core.rendering import Header

APP = b"https://app.example"
OTHER = b"https://other.example"


def scope(method: str = "OPTIONS", **headers: bytes) -> dict[str, object]:
    names = ((name.replace("_", "-").encode(), value) for name, value in headers.items())
    return {"type": "http", "method": method, "headers": list(names)}


def table(headers: list[Header] | tuple[Header, ...]) -> Mapping[bytes, bytes]:
    return {name.removeprefix(b"access-control-"): value for name, value in headers}


@pytest.mark.parametrize("origin", [APP, None, b"null"])
def test_a_star_allows_everyone_but_never_with_credentials(origin: bytes | None) -> None:
    headers = table(Cors(["*"]).headers(origin))

    assert headers[b"allow-origin"] == b"*"
    assert b"allow-credentials" not in headers
    assert set(headers[b"expose-headers"].decode().split(", ")) == set(EXPOSED_HEADERS)
    assert {"x-routstr-request-id", "x-cashu", "x-routstr-cost-msats"} < set(EXPOSED_HEADERS)


def test_the_headers_of_a_star_are_made_once() -> None:
    cors = Cors(["*", APP.decode()])

    assert cors.headers(None) is cors.headers(APP)


def test_a_named_origin_may_send_credentials_and_its_answers_vary_by_origin() -> None:
    headers = table(Cors([APP.decode()]).headers(APP))

    assert headers[b"allow-origin"] == APP
    assert headers[b"allow-credentials"] == b"true"
    assert headers[b"vary"] == b"Origin"


@pytest.mark.parametrize("origin", [OTHER, None, b"https://app.example.evil", b"null", b""])
def test_others_get_no_permission_yet_the_answer_varies(origin: bytes | None) -> None:
    assert Cors([APP.decode()]).headers(origin) == [(b"vary", b"Origin")]


def test_a_preflight_is_answered_with_the_headers_that_were_asked_for() -> None:
    reply = Cors(["*"]).preflight(
        scope(
            origin=APP,
            access_control_request_method=b"POST",
            access_control_request_headers=b"authorization,x-cashu",
        )
    )

    assert reply is not None
    assert (reply.status, reply.body) == (204, b"")
    headers = table(reply.headers)
    assert headers[b"allow-origin"] == b"*"
    assert headers[b"allow-headers"] == b"authorization,x-cashu"
    assert b"POST" in headers[b"allow-methods"]
    assert b"allow-credentials" not in headers


def test_a_preflight_of_another_origin_gets_no_permission() -> None:
    reply = Cors([APP.decode()]).preflight(
        scope(
            origin=OTHER,
            access_control_request_method=b"POST",
            access_control_request_headers=b"authorization",
        )
    )

    assert reply is not None
    assert b"allow-origin" not in table(reply.headers)
    assert b"allow-headers" not in table(reply.headers)


@pytest.mark.parametrize(
    "request_scope",
    [
        scope("POST", origin=APP, access_control_request_method=b"POST"),
        scope("OPTIONS", origin=APP),
        scope("OPTIONS", access_control_request_method=b"POST"),
    ],
)
def test_what_is_no_preflight_is_passed_on(request_scope: dict[str, object]) -> None:
    assert Cors(["*"]).preflight(request_scope) is None
