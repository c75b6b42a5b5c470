"""Errors for whoever looks with a browser: the same status and headers, as a page.

A browser is known by asking for HTML before everything else; programs get JSON, as ever.
"""

from collections.abc import Awaitable, Callable
from typing import Final, cast

import msgspec
from fastapi import FastAPI, Request, Response
from msgspec import Struct

from routstr.core.rendering import UNKNOWN_PATH
from routstr.theme.routes import is_part, theme_of

Handler = Callable[[Request, Exception], Awaitable[Response]]

_PAGES_OWN: Final = frozenset({"content-type", "content-length", "cache-control"})


class Problem(Struct, frozen=True):
    """What a page tells of an error."""

    status: int
    message: str
    code: str
    request_id: str


class _Error(Struct, frozen=True):
    message: str = ""
    code: str | int = ""


class _Told(Struct, frozen=True):
    error: _Error = _Error()
    request_id: str = ""


def wants_page(request: Request) -> bool:
    """Whether HTML is what is asked for first."""
    first = request.headers.get("accept", "").split(",", 1)[0]
    return first.split(";", 1)[0].strip().lower() == "text/html"


def show_problems(app: FastAPI) -> None:
    """Let the error handlers that are installed answer browsers with pages."""
    for kind, handler in tuple(app.exception_handlers.items()):
        app.add_exception_handler(kind, _shown(cast("Handler", handler)))


def _shown(handler: Handler) -> Handler:
    async def answer(request: Request, error: Exception) -> Response:
        response = await handler(request, error)
        return _page(request, response) if wants_page(request) else response

    return answer


def _page(request: Request, told: Response) -> Response:
    try:
        body = msgspec.json.decode(told.body, type=_Told)
    except msgspec.MsgspecError:
        return told
    message = "" if body.error.message == UNKNOWN_PATH else body.error.message  # for programs
    problem = Problem(told.status_code, message, str(body.error.code), body.request_id)
    template = "theme/problem_part.html" if is_part(request) else "theme/problem.html"
    kept = {name: value for name, value in told.headers.items() if name not in _PAGES_OWN}
    headers = {**kept, "Vary": "Accept"}
    return theme_of(request).page(
        request, template, status=problem.status, headers=headers, error=problem
    )
