"""Errors as the client's protocol expects them: the only place that knows an envelope.

``openai``::

    {"error": {"message", "type", "code"[, "details"]}, "request_id"}

``anthropic``: the same, and ``"type": "error"`` beside it, as its clients expect.

In both, for a token that is worth too little (402), what older clients look for::

    {"detail": {"reason", "amount_required_msat", "model", "type"}, ...}

A 402 whose terms were worked out tells them beside the error too, and the payment request also in
the ``X-Cashu`` header (NUT-24), unless that carries money::

    {"max_cost_msat", "amount", "unit", "mints", "payment_request", "topup_url", ...}

``management``, the same error under both names that clients look for::

    {"detail": {"error": {...}}, "error": {...}, "request_id"}

A malformed management request keeps FastAPI's list of what is wrong, without the values that were
sent (a token may be among them), and carries the error beside it: 422
``{"detail": [{"loc", "msg", "type"}, ...], "error": {...}, "request_id"}``. A body that is not
JSON at all is 400 ``invalid_json``, as on every other route.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Final

import msgspec
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Send

from routstr.core.redaction import redact
from routstr.core.request_id import REQUEST_ID
from routstr.errors import (
    InvalidJson,
    InvalidParameter,
    NotFound,
    PaymentError,
    RequestError,
    RoutstrError,
    TokenBelowMinimum,
)
from routstr.errors.terms import Terms
from routstr.money import Unit

Header = tuple[bytes, bytes]
ErrorObject = dict[str, object]
Complete = Callable[[PaymentError], Awaitable[None]]

UNCAUGHT: Final = "Internal server error, please contact support with the request ID."
UNKNOWN_PATH: Final = "Not found check /docs for available endpoints"
# An answer about money or a refusal is for one client, now.
_FIXED: Final[tuple[Header, ...]] = (
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-store"),
)
_PAYMENT_HEADER: Final = "X-Cashu"
_BREAKS: Final = str.maketrans("", "", "\r\n\0")
_ENCODER: Final = msgspec.json.Encoder(enc_hook=int)  # for amounts, a subclass of int


class Protocol(StrEnum):
    """Whose words the client speaks."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    MANAGEMENT = "management"


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete answer, ready for raw ASGI; ``code`` is the error's, for the access line."""

    status: int
    headers: tuple[Header, ...]
    body: bytes
    code: str = ""


def render_error(
    error: RoutstrError, request_id: str, protocol: Protocol = Protocol.OPENAI
) -> Reply:
    """The answer for an error, with the error's own headers (``Retry-After``) and no-store."""
    shown: ErrorObject = {
        "message": redact(error.message),
        "type": error.type,
        "code": error.code,
    }
    if error.details:
        shown["details"] = error.details
    shown |= error.fields
    body: ErrorObject = {"error": shown, "request_id": request_id}
    if protocol is Protocol.ANTHROPIC:
        body["type"] = "error"
    if protocol is Protocol.MANAGEMENT:
        body["detail"] = {"error": shown}
    elif isinstance(error, TokenBelowMinimum):
        body["detail"] = {
            "reason": "Insufficient balance",
            "amount_required_msat": _amount_msat(error),
            "model": error.details.get("model"),
            "type": error.type,
        }
    headers = error.headers
    if isinstance(error, PaymentError) and error.terms is not None:
        body |= _shown(error.terms)
        if error.terms.request:
            headers = {_PAYMENT_HEADER: error.terms.request, **headers}
    return _reply(error.http_status, body, error.code, headers)


def render_uncaught(request_id: str, protocol: Protocol = Protocol.OPENAI) -> Reply:
    """The 500 for an exception that nobody foresaw; it tells nothing of the exception."""
    return render_error(RoutstrError(UNCAUGHT), request_id, protocol)


def _shown(terms: Terms) -> ErrorObject:
    return {
        "max_cost_msat": terms.max_cost_msat,
        "amount": terms.amount,
        "unit": terms.unit,
        "mints": terms.mints,
        "payment_request": terms.request,
        "topup_url": terms.topup_url,
    }


def _amount_msat(error: TokenBelowMinimum) -> object:
    """What a token must be worth on its face; without terms, at least what must arrive of it."""
    terms = error.terms
    if terms is None or terms.amount is None:
        return error.details.get("required_msat")
    return Unit(terms.unit).to_msat(terms.amount)


def _reply(status: int, body: ErrorObject, code: str, headers: Mapping[str, str]) -> Reply:
    encoded = _ENCODER.encode(body)
    own = (
        (name.lower().encode("latin-1"), value.translate(_BREAKS).encode("latin-1", "replace"))
        for name, value in headers.items()
    )
    length = (b"content-length", str(len(encoded)).encode())
    return Reply(status, (*_FIXED, length, *own), encoded, code)


async def send_reply(send: Send, reply: Reply, extra_headers: Iterable[Header] = ()) -> None:
    """Send a complete answer, with further headers (request id, CORS)."""
    headers = [*reply.headers, *extra_headers]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body, "more_body": False})


def install_error_handlers(app: FastAPI, complete: Complete | None = None) -> None:
    """Let a FastAPI application answer every error in the management envelope.

    ``complete`` may add the terms to an error that means "pay first".
    """

    async def on_payment_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, PaymentError)
        if complete is not None:
            await complete(error)
        return await _on_error(request, error)

    app.add_exception_handler(RoutstrError, _on_error)
    app.add_exception_handler(PaymentError, on_payment_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(Exception, _on_uncaught)


def _response(request: Request, reply: Reply) -> Response:
    # the access line wants the code, which only the envelope has
    request.scope["routstr.error_code"] = reply.code
    response = Response(reply.body, reply.status)
    response.raw_headers = list(reply.headers)
    return response


def _request_id() -> str:
    return REQUEST_ID.get() or ""


async def _on_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RoutstrError)
    return _response(request, render_error(error, _request_id(), Protocol.MANAGEMENT))


async def _on_uncaught(request: Request, _error: Exception) -> Response:
    return _response(request, render_uncaught(_request_id(), Protocol.MANAGEMENT))


async def _on_invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    problems = error.errors()
    if any(problem["type"] == "json_invalid" for problem in problems):
        return await _on_error(request, InvalidJson())
    detail = [
        {"loc": _path(problem), "msg": redact(problem["msg"]), "type": problem["type"]}
        for problem in problems
    ]
    message = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in detail)
    shown: ErrorObject = {
        "message": message,
        "type": InvalidParameter.type,
        "code": InvalidParameter.code,
    }
    body: ErrorObject = {"detail": detail, "error": shown, "request_id": _request_id()}
    status = HTTPStatus.UNPROCESSABLE_ENTITY.value
    return _response(request, _reply(status, body, InvalidParameter.code, {}))


def _path(problem: Mapping[str, Sequence[object]]) -> list[object]:
    """Where in the request; the name of an unknown field is the client's word."""
    return [redact(part) if isinstance(part, str) else part for part in problem["loc"]]


async def _on_http_exception(request: Request, error: Exception) -> Response:
    """What the framework itself refuses: unknown paths and methods, broken forms."""
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.NOT_FOUND and error.detail == "Not Found":
        return await _on_error(request, NotFound(UNKNOWN_PATH))
    unknown = error.status_code == HTTPStatus.METHOD_NOT_ALLOWED
    server_side = error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR
    shown: ErrorObject = {
        "message": UNKNOWN_PATH if unknown else redact(str(error.detail)),
        "type": RoutstrError.type if server_side else RequestError.type,
        "code": error.status_code,
    }
    body: ErrorObject = {
        "detail": {"error": shown},
        "error": shown,
        "request_id": _request_id(),
    }
    code, headers = str(error.status_code), error.headers or {}
    if unknown:
        headers = {**headers, "Allow": ", ".join(sorted(_allowed(request)))}
    return _response(request, _reply(error.status_code, body, code, headers))


def _allowed(request: Request) -> set[str]:
    """The methods of all routes of a path; the framework knows those of the first one."""
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    found = [route for route in routes if route.matches(request.scope)[0] is Match.PARTIAL]
    return {method for route in found for method in route.methods or ()}
