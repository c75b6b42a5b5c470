"""Routes of pages: what goes wrong is told as a page, or as a part of one where htmx asks."""

from collections.abc import Callable, Coroutine
from typing import Any, Final, cast
from urllib.parse import parse_qsl

from fastapi import Request, Response

from routstr.core.late_route import LateRoute
from routstr.errors import RequestError, RoutstrError
from routstr.theme.engine import Theme

_FIELDS_MAX: Final = 200
_Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def theme_of(request: Request) -> Theme:
    """The theme of the node that is asked."""
    return cast("Theme", request.app.state.theme)


def is_part(request: Request) -> bool:
    """Whether htmx asks for a part of a page."""
    return "hx-request" in request.headers


async def form(request: Request) -> dict[str, str]:
    """The fields of a plain form; of a name that comes twice, the last. Raises a 400."""
    try:
        text = (await request.body()).decode()
        fields = parse_qsl(text, keep_blank_values=True, max_num_fields=_FIELDS_MAX)
    except ValueError:
        raise RequestError("The form cannot be read.") from None
    return dict(fields)


class PageRoute(LateRoute):
    """A route of pages. Errors of the node become pages with the same status."""

    def get_route_handler(self) -> _Handler:
        """Wrap the framework's handler."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await handler(request)
            except RoutstrError as error:
                request.scope["routstr.error_code"] = error.code
                return tell(request, error)

        return handle


def tell(request: Request, error: RoutstrError) -> Response:
    """An error as a page, or as a notice."""
    template = "theme/problem_part.html" if is_part(request) else "theme/problem.html"
    return theme_of(request).page(request, template, status=error.status, error=error)
