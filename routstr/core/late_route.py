"""Routes that are worked out when they are first asked for.

What the framework prepares for a route (its parameters, its validators) takes longer than all else
that happens while a node starts, and most of a node's routes are never asked for while it runs.
"""

from collections.abc import Callable
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute, APIWebSocketRoute
from starlette._utils import get_route_path
from starlette.routing import Match, compile_path, get_name
from starlette.types import Scope

_OF_THE_ROUTER: Final = "dependency_overrides_provider"
"""Given by the router that a route is added to."""
_PLACE: Final = frozenset({"path_regex", "path_format", "param_convertors"})


class LateRoute(APIRoute):
    """A route of the framework that knows at first only how it is found."""

    _given: dict[str, Any]
    _whole_path = False
    """Whether ``path`` is all of it: of a router that the framework includes it is the end."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **given: Any) -> None:  # noqa: ANN401 - the framework's own
        self.path = path
        self.endpoint = endpoint
        self.name = given.get("name") or get_name(endpoint)
        self.methods = {method.upper() for method in given.get("methods") or ("GET",)}
        self.include_in_schema = given.get("include_in_schema", True)
        self._given = given

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - called for what is not there yet
        given = self.__dict__.get("_given")
        if given is None or name.startswith("__"):
            raise AttributeError(name)
        if name in _PLACE:
            self.path_regex, self.path_format, self.param_convertors = compile_path(self.path)
        elif "app" not in self.__dict__:  # set last; when two threads do this it is the same twice
            APIRoute.__init__(self, self.path, self.endpoint, **given)
        return object.__getattribute__(self, name)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """See the framework's; another path is told by its text, for which nothing is compiled."""
        if self._whole_path and scope["type"] == "http":
            asked = get_route_path(scope)
            fixed, parameter, _ = self.path.partition("{")
            if not (asked.startswith(fixed) if parameter else asked == fixed):
                return Match.NONE, {}
        return super().matches(scope)

    def add_to(self, app: FastAPI, prefix: str, *, shown: bool) -> None:
        """Serve the same below ``prefix``; ``shown`` false: the API's description leaves it out.

        ``FastAPI.include_router`` would work every route out twice.
        """
        given = {name: value for name, value in self._given.items() if name != _OF_THE_ROUTER}
        given["include_in_schema"] = shown and self.include_in_schema
        app.router.add_api_route(
            prefix + self.path, self.endpoint, route_class_override=type(self), **given
        )
        added = app.router.routes[-1]
        assert isinstance(added, LateRoute)
        added._whole_path = True  # noqa: SLF001 - of its own kind


def include(app: FastAPI, router: APIRouter, prefix: str = "", *, shown: bool = True) -> None:
    """Serve a router of :class:`LateRoute`, and perhaps a WebSocket, below ``prefix``."""
    for route in router.routes:
        if isinstance(route, LateRoute):
            route.add_to(app, prefix, shown=shown)
        else:
            assert isinstance(route, APIWebSocketRoute), f"{route} is of another kind"
            app.router.add_api_websocket_route(
                prefix + route.path, route.endpoint, route.name, dependencies=route.dependencies
            )
